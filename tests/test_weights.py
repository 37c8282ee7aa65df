"""Feature weights are numbers of every real kind, and nobody else's to change."""

import numpy as np
import pytest

from vibrator.errors import BadInput, UnknownName
from vibrator.weights import ContextRule, FeatureWeights


def test_segments_do_not_change_behind_our_back():
    boost = {"recency": 2.0}
    segments = {"new": boost}
    weights = FeatureWeights(segments=segments)
    before = weights.under({"segment": "new"})
    boost["recency"] = -50.0
    segments["new"] = {}
    assert weights.under({"segment": "new"}) == before


def test_numbers_of_numpy_are_numbers():
    made = FeatureWeights(base={"recency": np.int64(3), "item_to_slider": np.float32(1)})
    assert made.base["recency"] == 0.75
    assert type(made.base["recency"]) is float
    assert ContextRule("work", "recency", np.float32(2)).factor == 2.0


@pytest.mark.parametrize("bad", [10**400, -1, float("nan"), True, "high"])
def test_a_bad_weight_is_refused_by_name(bad):
    for fields in ({"base": {"recency": bad}}, {"segments": {"new": {"recency": bad}}}):
        with pytest.raises(BadInput, match="weight of recency must"):
            FeatureWeights(**fields)


def test_a_feature_nobody_knows_is_refused():
    with pytest.raises(UnknownName, match="fame"):
        FeatureWeights(segments={"new": {"fame": 1.0}})


def test_a_context_that_maps_nothing_is_refused():
    with pytest.raises(BadInput, match="context must map"):
        FeatureWeights().under(["segment"])


@pytest.mark.parametrize("segment", [["new"], {"new": 1}])
def test_a_segment_that_cannot_be_a_name_is_refused(segment):
    with pytest.raises(BadInput, match="segment must be a text"):
        FeatureWeights(segments={"new": {"recency": 2.0}}).under({"segment": segment})


@pytest.mark.parametrize("segment", [None, 3, "nobody"])
def test_an_unknown_segment_changes_nothing(segment):
    weights = FeatureWeights(segments={"new": {"recency": 2.0}})
    assert weights.under({"segment": segment}) == pytest.approx(weights.base)


@pytest.mark.parametrize("fields", [{"base": [1.0]}, {"segments": "new"}, {"segments": {"new": 3}}])
def test_weights_that_map_nothing_are_refused(fields):
    with pytest.raises(BadInput, match="must map names to values"):
        FeatureWeights(**fields)
