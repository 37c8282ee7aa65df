"""From what a person did, and for how long, to a reward."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibrator.errors import BadInput, UnknownName
from vibrator.rewards import PUBLISHED_REWARDS, RewardMap, infer_reward


@pytest.mark.parametrize(
    ("action", "dwell_ms", "reward"),
    [
        ("dismiss", 0, -1.0), ("dismiss", 9e9, -1.0), ("snooze", 5_000, 0.1),
        ("done", 0, -0.3), ("done", 14_999, -0.3), ("done", 15_000, 1.0), ("done", 119_999, 1.0),
        ("done", 120_000, 0.6), ("done", 599_999, 0.6), ("done", 600_000, 0.3), ("done", 9e9, 0.3),
    ],
)  # fmt: skip
def test_the_published_map(action, dwell_ms, reward):
    assert infer_reward(action, dwell_ms) == reward


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_every_dwell_has_one_of_the_rewards(dwell_ms):
    assert infer_reward("done", dwell_ms) in {-0.3, 1.0, 0.6, 0.3}


def test_a_map_is_data_that_json_can_hold():
    data = json.loads(json.dumps(PUBLISHED_REWARDS.as_data()))

    assert RewardMap.of(data) == RewardMap.of(PUBLISHED_REWARDS.as_data())
    assert RewardMap.of(data).reward("done", 60_000) == 1.0


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"done": []},
        {"done": [[1000, 1.0]]},
        {"done": [[2000, 1.0], [1000, 0.5], [None, 0.0]]},
        {"done": [[None, math.nan]]},
        {"done": [["soon", 1.0]]},
        {"done": 3},
        [1, 2],
    ],
)
def test_broken_maps_are_refused(data):
    with pytest.raises(BadInput):
        RewardMap.of(data)


def test_unknown_actions_and_negative_dwells_are_refused():
    with pytest.raises(UnknownName):
        infer_reward("shout")
    for dwell_ms in (-1.0, math.nan):
        with pytest.raises(BadInput):
            infer_reward("done", dwell_ms)
