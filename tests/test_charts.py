"""Pictures are well-formed, speak for themselves and ask nothing of the network."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from vibrator.charts import (
    Bar,
    Frame,
    Line,
    Mark,
    bar_chart,
    line_chart,
    page,
    reliability_diagram,
    small_multiples,
    sparkline,
    table,
)
from vibrator.errors import BadInput

DAYS = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n) for n in range(30)]
RISING = [n / 30 for n in range(30)]
ADA = Line("Ada & <co>", DAYS, RISING, [0.0] * 30, [1.0] * 30)
FRAME = Frame("Depth <over> time", "by day", x_label="day", y_label="share")
PICTURES = {
    "lines": line_chart([ADA, Line("Bruno", DAYS, RISING, step=True)], FRAME, [Mark(0.5, "even")]),
    "one point": line_chart([Line("dot", [1], [1])], FRAME),
    "bars": bar_chart([Bar("Ada", 0.6, 0.4, 0.8, "why <b>"), Bar("Bruno", -0.2)], FRAME),
    "reliability": reliability_diagram(Line("x", RISING, RISING), [1, 2, 0], FRAME, ["ECE 0.01"]),
    "multiples": small_multiples({"Ada": [ADA], "Bruno": [ADA]}, FRAME),
    "spark": sparkline([1, 2, 1], "trend & turn"),
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_is_well_formed_and_self_contained(name):
    root = ET.fromstring(PICTURES[name])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert "url(" not in PICTURES[name]
    assert "href" not in PICTURES[name]


@pytest.mark.parametrize("name", sorted(PICTURES.keys() - {"spark"}))
def test_a_picture_tells_its_title_and_its_content(name):
    root = ET.fromstring(PICTURES[name])
    words = {part.get("id"): part.text for part in root if part.get("id")}
    assert words[root.get("aria-labelledby").split()[0]] == FRAME.title
    assert all(words.values())


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_the_same_values_give_the_same_picture(name):
    assert "nan" not in PICTURES[name]
    assert line_chart([ADA], FRAME) == line_chart([ADA], FRAME)


def test_a_page_escapes_its_words_and_knows_the_night():
    text = page("A <title>", [PICTURES["lines"], table([{"who": "<b>", "p": 0.5}], "People")])
    assert "A &lt;title&gt;" in text
    assert "<td>&lt;b&gt;</td>" in text
    assert "prefers-color-scheme:dark" in text


def test_bad_values_are_refused():
    for wrong in (
        lambda: Line("x", [1, 2], [1]),
        lambda: Line("x", [1], [float("nan")]),
        lambda: Line("x", [1], [1], low=[0]),
        lambda: Line("x", [], []),
        lambda: Bar("x", 1.0, low=0.5),
        lambda: bar_chart([], FRAME),
        lambda: sparkline([], "none"),
    ):
        with pytest.raises(BadInput):
            wrong()


def test_a_long_subtitle_goes_on_in_the_next_line():
    words = (
        "the same words again and again, so many that no narrow picture has room for all of them"
    )
    wide, narrow = (
        line_chart([Line("a", [0, 1], [0.0, 1.0])], Frame("title", words, width=width))
        for width in (640, 430)
    )
    assert words in wide
    assert words not in narrow
    assert narrow.count('class="tick" x="14.0"') == 2
