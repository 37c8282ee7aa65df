"""Decisions and outcomes are complete, and valid from birth."""

from datetime import timedelta

import pytest

from tests.people import NOW
from vibrator.decisions import NOTHING, Consent, Decision, Outcome, Situation, refuse_all
from vibrator.errors import BadInput
from vibrator.rewards import RewardMap, infer_reward

GOOD = {
    "decision_id": "d1", "user_id": "ada", "at": NOW, "candidates": ("a", "b"), "chosen": ("a",),
    "arm": "a", "propensity": 0.5, "reason": "fits best",
}  # fmt: skip


def test_a_decision_knows_whether_it_acted():
    assert Decision(**GOOD).acted
    assert not Decision(**{**GOOD, "chosen": (), "arm": NOTHING}).acted


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"decision_id": ""}, "decision_id"),
        ({"at": NOW.replace(tzinfo=None)}, "at"),
        ({"propensity": 0.0}, "propensity"),
        ({"propensity": 1.01}, "propensity"),
        ({"propensity": float("nan")}, "propensity"),
        ({"chosen": ("z",)}, "candidates"),
    ],
)
def test_a_bad_decision_is_refused_by_name(fields, named):
    with pytest.raises(BadInput, match=named):
        Decision(**{**GOOD, **fields})


@pytest.mark.parametrize(
    "fields",
    [{"what": ""}, {"dwell_ms": -1.0}, {"dwell_ms": float("inf")}, {"reward": float("nan")}],
)
def test_a_bad_outcome_is_refused(fields):
    with pytest.raises(BadInput):
        Outcome(**{"decision_id": "d1", "what": "done", "at": NOW, **fields})


def test_consent_holds_from_its_time_until_its_end():
    yes = Consent(user_id="ada", purpose="ads", granted=True, at=NOW, until=NOW + timedelta(days=1))
    assert yes.holds(NOW)
    assert not yes.holds(NOW - timedelta(seconds=1))
    assert not yes.holds(NOW + timedelta(days=1))
    assert not Consent(user_id="ada", purpose="ads", granted=False, at=NOW).holds(NOW)


def test_one_reason_may_refuse_them_all():
    situation = Situation(user_id="ada", at=NOW, candidates=("a", "b"))
    assert refuse_all(situation, "quiet hours") == {"a": "quiet hours", "b": "quiet hours"}


@pytest.mark.parametrize(
    ("action", "seconds", "reward"),
    [("dismiss", 2, -1.0), ("snooze", 5, 0.1), ("done", 14.999, -0.3), ("done", 15, 1.0),
     ("done", 119, 1.0), ("done", 120, 0.6), ("done", 600, 0.3)],
)  # fmt: skip
def test_the_published_rewards(action, seconds, reward):
    assert infer_reward(action, seconds * 1000) == reward


@pytest.mark.parametrize(
    "steps", [{}, {"done": []}, {"done": [(10.0, 1.0)]}, {"done": [(float("inf"), float("nan"))]}]
)
def test_a_reward_map_with_holes_is_refused(steps):
    with pytest.raises(BadInput):
        RewardMap(steps)
