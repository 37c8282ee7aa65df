"""Decisions and outcomes are complete, and valid from birth."""

from datetime import timedelta

import pytest

from tests.people import NOW
from vibrator.decisions import NOTHING, Consent, Decision, Outcome, Situation, refuse_all
from vibrator.errors import BadInput
from vibrator.rewards import RewardMap, infer_reward

INF = float("inf")
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
        ({"propensity": "likely"}, "propensity must be a finite number, got 'likely'"),
        ({"candidates": "ab"}, "candidates must be a sequence of texts, got 'ab'"),
        ({"chosen": "a"}, "chosen must be a sequence of texts, got 'a'"),
        ({"candidates": ("a", 2)}, "candidates must be a sequence of texts"),
        ({"propensities": {"b": 1.0}}, "arm must be one of .* got 'a'"),
        ({"propensities": {"a": 0.4, "b": 0.6}}, "propensity must be .* 0.4, got 0.5"),
        ({"propensities": {"a": 0.5, "b": 0.6}}, "propensities must add up to 1, got 1.1"),
        ({"propensities": {"a": 0.5, "b": 1.5, "c": -1.0}}, "propensities.'b'. must lie"),
    ],
)
def test_a_bad_decision_is_refused_by_name(fields, named):
    with pytest.raises(BadInput, match=named):
        Decision(**{**GOOD, **fields})


def test_lists_of_ids_become_tuples_and_rounding_is_forgiven():
    shares = {"a": 0.5 + 1e-9, "b": 0.5}
    made = Decision(**{**GOOD, "candidates": ["a", "b"], "chosen": ["a"], "propensities": shares})
    assert (made.candidates, made.chosen) == (("a", "b"), ("a",))


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


@pytest.mark.parametrize("granted", ["no", 1, None])
def test_consent_is_a_plain_yes_or_no(granted):
    with pytest.raises(BadInput, match=f"granted must be True or False, got {granted!r}"):
        Consent(user_id="ada", purpose="ads", granted=granted, at=NOW)


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


@pytest.mark.parametrize("dwell_ms", [INF, float("nan"), -1.0, "long"])
def test_a_dwell_that_cannot_be_has_no_reward(dwell_ms):
    with pytest.raises(BadInput, match="dwell_ms must"):
        infer_reward("dismiss", dwell_ms)


@pytest.mark.parametrize(
    "steps",
    [{}, {"done": []}, {"done": [(10.0, 1.0)]}, {"done": [(INF, float("nan"))]},
     {"done": [(INF, "much")]}, {"done": [(-5.0, 1.0), (INF, 1.0)]},
     {"done": [(float("nan"), 1.0), (INF, 1.0)]}, {"done": [(9.0, 1.0), (5.0, 1.0), (INF, 1.0)]}],
)  # fmt: skip
def test_a_reward_map_with_holes_is_refused(steps):
    with pytest.raises(BadInput):
        RewardMap(steps)
