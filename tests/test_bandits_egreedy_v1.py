"""egreedy-v1 over a real decision log."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator.bandits.egreedy_v1 import FEATURES, EgreedyV1, TipFacts, features
from vibrator.errors import BadInput, UnknownName
from vibrator.stores.opening import open_store

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TIPS = [TipFacts("rent", 4, is_overdue=True), TipFacts("plants", 1, task_age_days=3.0)]


@pytest.fixture
def log():
    store = open_store("sqlite://")
    yield store.decisions
    store.close()


def test_the_seven_features():
    x = features(TipFacts("t", 3, is_overdue=True, task_age_days=30.0), hour=12, day_of_week=0)

    assert dict(zip(FEATURES, np.round(x, 9), strict=True)) == {
        "priority": round(2 / 3, 9), "is_overdue": 1, "task_age": 1,
        "hour_sin": 0, "hour_cos": -1, "day_sin": 0, "day_cos": 1,
    }  # fmt: skip


def test_a_reward_on_another_weekday_learns_the_context_of_the_decision(log):
    tips = EgreedyV1(log)
    tips.score("ada", TIPS[:1], at=MONDAY, decision_id="e1", rng=np.random.default_rng(0))
    tips.reward("e1", "done", dwell_ms=60_000, at=MONDAY + timedelta(days=3, hours=9))

    x = np.array(features(TIPS[0], 9, 0))
    weights = list(tips.stats("ada")["weights"].values())
    assert np.allclose(weights, x / (1 + x @ x))


def test_a_reward_told_twice_or_otherwise_counts_once(log):
    tips = EgreedyV1(log)
    tips.score("ada", TIPS, at=MONDAY, decision_id="e1", rng=np.random.default_rng(0))

    told = [
        tips.reward("e1", what, at=MONDAY)["learnt"] for what in ("snooze", "snooze", "dismiss")
    ]
    stats = tips.stats("ada")
    assert told == [True, False, False]
    assert (stats["rewards"], stats["mean_reward"], stats["actions"]) == (1, 0.1, {"snooze": 1})


def test_the_propensity_is_the_one_logged(log):
    tips, rng = EgreedyV1(log, epsilon=0.2), np.random.default_rng(1)
    for n in range(40):
        answer = tips.score("ada", TIPS, at=MONDAY, decision_id=f"e{n}", rng=rng)
        done = answer["tip_id"] == "rent"
        tips.reward(f"e{n}", "done" if done else "dismiss", dwell_ms=60_000, at=MONDAY)

    assert answer["propensities"] == pytest.approx({"rent": 0.9, "plants": 0.1})
    assert answer["propensity"] == answer["propensities"][answer["tip_id"]]


def test_users_do_not_learn_from_each_other(log):
    tips = EgreedyV1(log)
    tips.score("ada", TIPS, at=MONDAY, decision_id="e1", rng=np.random.default_rng(0))
    tips.reward("e1", "dismiss", at=MONDAY)

    assert tips.stats("bruno")["decisions"] == 0
    assert set(tips.stats("bruno")["weights"].values()) == {0.0}


@pytest.mark.parametrize(
    "row",
    [
        {"priority": 2},
        {"id": "t", "priority": 5},
        {"id": "t", "priority": "huge"},
        {"id": "t", "is_overdue": "yes"},
        {"id": "t", "task_age_days": -1},
        {"id": "t", "colour": "red"},
        {"id": " "},
    ],
)
def test_broken_tips_are_refused(row):
    with pytest.raises(BadInput):
        TipFacts.of(row)


def test_words_for_priorities_and_unknown_decisions(log):
    assert TipFacts.of({"id": "t", "priority": "urgent"}).priority == 4
    with pytest.raises(UnknownName):
        EgreedyV1(log).reward("never", "done", at=MONDAY)
    with pytest.raises(BadInput):
        EgreedyV1(log).score("ada", [], at=MONDAY, decision_id="e", rng=np.random.default_rng(0))
