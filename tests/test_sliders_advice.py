"""Advice on sliders, their map, and what belongs to which version of them."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.people import SLIDERS
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.slider_lint import lint_sliders
from vibrator.slider_map import draw_slider_map, positions
from vibrator.sliders import Slider, SliderSet, SliderVector

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
