"""Advice on sliders, their map, and what belongs to which version of them."""

from itertools import combinations
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.people import SLIDERS
from vibrator.demo import SLIDERS as DEMO
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.slider_lint import lint_sliders
from vibrator.slider_map import draw_slider_map, positions
from vibrator.sliders import Slider, SliderSet, SliderVector
from vibrator.synthetic import TOPICS, synthetic_slider_texts

ENCODER = InstructionalEncoder("embedded")
FAULTS = {
    "overlaps": {"a": "long mountain trails", "b": "long trails in the mountains"},
    "has two intents": {"a": "weeknight recipes and mountain trails"},
    "is longer than 12 words": {"a": "recipe " * 13},
    "says too little": {"a": "interesting content"},
    "may touch a sensitive attribute": {"a": "religious services near you"},
}


def test_good_sliders_are_left_alone():
    assert lint_sliders(SLIDERS, ENCODER) == []


@pytest.mark.parametrize("rule", FAULTS)
def test_each_rule_is_found(rule):
    (advice,) = lint_sliders(FAULTS[rule], ENCODER)
    assert (advice.slider, advice.rule) == ("a", rule)
    assert advice.found
    assert str(advice).startswith(f"a: {rule}")


def test_both_poles_are_read_and_vectors_passed_over():
    sliders = {"poles": Slider("detailed manuals", "short and cheap"), "row": np.ones(256)}
    assert [advice.rule for advice in lint_sliders(sliders, ENCODER)] == ["has two intents"]


def test_the_limit_of_overlap_is_an_argument():
    rules = [advice.rule for advice in lint_sliders(SLIDERS, ENCODER, overlap=0.0)]
    assert set(rules) <= {"overlaps"}
    with pytest.raises(BadInput):
        lint_sliders(SLIDERS, ENCODER, overlap=2)


def test_alike_sliders_lie_close_on_the_map():
    likenesses = np.array([[1, 0.9, 0.1], [0.9, 1, 0.1], [0.1, 0.1, 1.0]])
    a, b, c = positions(likenesses)
    assert np.linalg.norm(a - b) < 0.5 * min(np.linalg.norm(a - c), np.linalg.norm(b - c))


def test_the_map_is_a_picture_that_can_be_read_aloud():
    sliders = SLIDERS | {"<paths>": "long trails in the mountains"}
    root = ET.fromstring(draw_slider_map(sliders, ENCODER))
    words = " ".join(root.itertext())
    assert "<paths> is nearest to trails" in words
    assert len([node for node in root.iter() if node.tag.endswith("circle")]) == 4
    assert len([node for node in root.iter() if node.tag.endswith("line")]) == 1


def dots_of(svg):
    """The picture's size, and where the dots are."""
    root = ET.fromstring(svg)
    circles = [node.attrib for node in root.iter() if node.tag.endswith("circle")]
    places = [(float(c["cx"]), float(c["cy"])) for c in circles]
    return int(root.attrib["width"]), int(root.attrib["height"]), places


def test_every_dot_of_many_stays_on_the_map_and_clear_of_the_others():
    many = {s: topic.angles[0].format(s) for topic in TOPICS.values() for s in topic.subjects}
    width, height, places = dots_of(draw_slider_map(many, ENCODER))
    assert all(0 < x < width and 60 < y < height - 10 for x, y in places)
    close = [
        (a, b)
        for a, b in combinations(places, 2)
        if abs(a[1] - b[1]) < 15.9 and abs(a[0] - b[0]) < 45
    ]
    assert close == []


def test_overlapping_sliders_have_a_colour_of_their_own():
    sliders = SLIDERS | {"peaks": "long trails in the mountains"}
    root = ET.fromstring(draw_slider_map(sliders, ENCODER))
    dots = [node.attrib["class"] for node in root.iter() if node.tag.endswith("circle")]
    assert [dot == "dot c2" for dot in dots] == [name in {"trails", "peaks"} for name in sliders]


@pytest.mark.parametrize(
    ("sliders", "options", "fault"),
    [
        (None, {}, "sliders must map"),
        (SLIDERS, {"overlap": "x"}, "overlap must be a finite number"),
        (SLIDERS, {"overlap": float("nan")}, "overlap must be a finite number"),
        (SLIDERS, {"overlap": 2}, "overlap must lie from 0 to 1"),
        ({"row": [1.0, 0.0], "words": "trails"}, {}, "as long as the encoder's, got lengths"),
    ],
)
def test_what_cannot_be_drawn_or_read_is_refused(sliders, options, fault):
    for ask in (draw_slider_map, lint_sliders):
        with pytest.raises(BadInput, match=fault):
            ask(sliders, ENCODER, **options)


def test_a_name_is_no_encoder():
    with pytest.raises(BadInput, match="encoder must have encode_sliders, got 'embedded'"):
        lint_sliders(SLIDERS, "embedded")


@pytest.mark.parametrize("sliders", [DEMO, synthetic_slider_texts(len(TOPICS))])
def test_the_sliders_that_are_shipped_are_good_ones(sliders):
    assert lint_sliders(sliders, ENCODER) == []


@pytest.mark.parametrize("count", [1, 2])
def test_a_map_of_few_is_drawn_too(count):
    few = dict(list(SLIDERS.items())[:count])
    assert "nan" not in draw_slider_map(few, ENCODER)


@pytest.mark.parametrize("row", [[0.0, 0.0], [1.0, float("nan")], [[1.0]]])
def test_a_vector_that_points_nowhere_says_so(row):
    with pytest.raises(BadInput, match="a slider vector must be a finite row, not all zero, got"):
        SliderSet({"calm": row})


def test_vectors_of_different_lengths_are_refused_by_name():
    with pytest.raises(BadInput, match=r"equally long, got lengths {'calm': 2, 'fun': 3}"):
        SliderSet({"calm": [1.0, 2.0], "fun": SliderVector((1.0, 2.0, 3.0)), "docs": "manuals"})


def test_a_slider_has_two_poles_or_one():
    with pytest.raises(BadInput, match="opposite must differ from the slider text, got 'jokes '"):
        Slider("jokes", "jokes ")


def test_what_was_kept_for_another_text_does_not_belong():
    before = SliderSet(SLIDERS)
    after = SliderSet(SLIDERS | {"depth": "deep technical articles", "calm": "slow piano"})
    kept = {(name, version): f"fitted for {name}" for name, version in before.versions.items()}
    assert set(after.of_version(kept)) == {"kitchen", "trails"}
    assert after.changes(before.versions) == {"depth": "changed", "calm": "new"}
    assert before.changes(after.versions) == {"depth": "changed", "calm": "gone"}
