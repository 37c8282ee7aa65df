"""The demo: three people whom a reader recognises by what fits them."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from vibrator.cli import build
from vibrator.demo import CONTENT, SLIDERS, demo_page, fits
from vibrator.encoder import InstructionalEncoder
from vibrator.pipeline import SliderScorer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
THEIRS = {
    "Ada": ["depth", "depth", "depth"],
    "Bruno": ["kitchen", "kitchen", "thrift"],
    "Chioma": ["trails", "trails", "calm"],
}
CLEARLY = 0.08  # of probability, between the last that is theirs and the first that is not


@pytest.fixture(scope="module")
def people():
    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS)
    return {listed[0].person.name: listed for listed in fits(scorer, NOW)}


@pytest.fixture
def printed(tmp_path, monkeypatch):
    def run(*options):
        monkeypatch.setenv("COLUMNS", "80")
        ran = CliRunner().invoke(
            build(), ["demo", "--output", str(tmp_path / "demo.html"), *options]
        )
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    return run


@pytest.mark.parametrize("name", THEIRS)
def test_the_three_best_contents_are_plainly_theirs(name, people):
    listed = people[name]
    assert [fit.output.name for fit in listed[:3]] == THEIRS[name]
    assert listed[2].output.probability > listed[3].output.probability + CLEARLY


@pytest.mark.parametrize("name", THEIRS)
def test_each_person_sees_every_content_once_the_best_first(name, people):
    chances = [fit.output.probability for fit in people[name]]
    assert chances == sorted(chances, reverse=True)
    assert sorted(fit.content for fit in people[name]) == sorted(CONTENT)


@pytest.mark.parametrize("name", THEIRS)
def test_the_action_named_speaks_for_what_is_theirs(name, people):
    for fit in people[name][:3]:
        assert fit.moved_by().startswith("+")
        assert "speaks for it most" in fit.output.why()


def test_the_page_needs_nothing_from_anywhere(people):
    html = demo_page(list(people.values()), ran_on="a model")
    assert set(re.findall(r"https?://[^\"'\s]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert "<script" not in html
    assert "@import" not in html


def test_a_narrow_page_scrolls_its_pictures_instead_of_shrinking_them(people):
    html = demo_page(list(people.values()), ran_on="the model inside")
    assert html.count('<div class="scroll"') == html.count("<svg") == len(people)
    assert ".scroll>.vb-chart{min-width:52rem}" in html


def test_the_page_shows_each_label_whole(people):
    html = demo_page(list(people.values()), ran_on="a model")
    assert "…</text>" not in html
    assert "…<title>" not in html
    assert all(html.count(content) >= len(people) for content in CONTENT)


def test_a_row_takes_at_most_three_lines_of_80_columns(printed):
    lines = printed("--top", "3").splitlines()
    body = [line for line in lines if line.startswith("│")]
    assert max(map(len, lines)) <= 80
    assert sum(line.split("│")[1].strip() in THEIRS for line in body) == 9
    assert len(body) <= 3 * 9


def test_programs_get_the_whole_reason(printed):
    rows = list(csv.DictReader(io.StringIO(printed("--format", "csv"))))
    assert [row["person"] for row in rows] == [name for name in THEIRS for _ in range(3)]
    assert all(row["why"].endswith(").") for row in rows)
