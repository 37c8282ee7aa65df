"""Off-policy evaluation: formulas, coverage, refusals, logs."""

import gzip
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from vibrator.bandits.estimators import (
    ESTIMATORS,
    UNBIASED,
    Rounds,
    dros,
    rounds,
    switch_dr,
)
from vibrator.bandits.evaluate import (
    INTERVALS,
    bounded_sequence,
    evaluate_policy,
    overlap,
    policy_value,
)
from vibrator.bandits.logs import BanditLog, log_of_decisions, read_open_bandit
from vibrator.bandits.reward_model import cross_fitted_rewards
from vibrator.bandits.slates import evaluate_by_position, slate_parts
from vibrator.decisions import NOTHING, Decision, Outcome
from vibrator.errors import BadInput, BadRows, UnknownName

SHARED = Path(os.environ.get("VIBRATOR_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PI, Q = np.tile([0.2, 0.3, 0.5], (6, 1)), np.tile([0.5, 0.25, 0.75], (6, 1))
LOG = BanditLog(
    ("a", "b", "c"),
    np.array([0, 1, 2, 1, 0, 2]),
    np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
    np.array([0.5, 0.3, 0.2, 0.3, 0.5, 0.2]),
)


def synthetic(rng, n=2000, *, arms=4, spread=0.6):
    """A log with a known value: rewards depend on context and arm, behaviour on the context."""
    x = rng.normal(size=(n, 2))
    effect = np.array([[0.1, -0.2, 0.3, 0.0], [0.2, 0.1, -0.1, -0.2]])[:, :arms]
    chance = 1 / (1 + np.exp(-(x @ effect)))
    logits = spread * x @ np.array([[1.0, -1.0, 0.5, 0.0], [0.0, 0.5, -0.5, 0.2]])[:, :arms]
    behaviour = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = np.tile(np.array([0.1, 0.2, 0.3, 0.4])[:arms], (n, 1))
    taken = (behaviour.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    at = np.arange(n), taken
    rewards = (rng.random(n) < chance[at]).astype(float)
    log = BanditLog(tuple("abcd"[:arms]), taken, rewards, behaviour[at], x, behaviour)
    return log, target, (target * chance).sum(axis=1).mean()


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("ips", 3.9 / 6),
        ("snips", 3.9 / 7.8),
        ("dm", 0.55),
        ("dr", 0.55 - 0.75 / 6),
        ("sndr", 0.55 - 0.75 / 7.8),
    ],
)
def test_estimators_equal_the_values_worked_by_hand(name, by_hand):
    assert ESTIMATORS[name](rounds(LOG, PI, Q)).value == pytest.approx(by_hand, abs=1e-12)


def test_switch_and_shrinkage_equal_the_values_worked_by_hand():
    seen = rounds(LOG, PI, Q)

    assert switch_dr(seen, 1.0).value == pytest.approx(0.55 + 0.5 / 6, abs=1e-12)
    shrunk = 0.4 / 1.16  # λw/(w²+λ) of both 0.4 and 2.5, at λ = 1
    assert dros(seen, 1.0).value == pytest.approx(0.55 + (0.25 - 0.5 * shrunk) / 6, abs=1e-12)


def test_estimators_equal_open_bandit_pipelines_formulas():
    """The formulas of obp's estimators (Saito et al. 2021), one decision at a time."""
    log, target, _ = synthetic(np.random.default_rng(0), 300)
    q = np.random.default_rng(1).random(target.shape)
    w = [target[i, a] / p for i, (a, p) in enumerate(zip(log.arms, log.propensities, strict=True))]
    base = [sum(target[i] * q[i]) for i in range(300)]
    gap = [log.rewards[i] - q[i, log.arms[i]] for i in range(300)]
    mean_w = sum(w) / 300
    expected = {
        "dm": sum(base) / 300,
        "ips": sum(w[i] * log.rewards[i] for i in range(300)) / 300,
        "snips": sum(w[i] * log.rewards[i] for i in range(300)) / 300 / mean_w,
        "dr": sum(base[i] + w[i] * gap[i] for i in range(300)) / 300,
        "sndr": sum(base[i] + w[i] * gap[i] / mean_w for i in range(300)) / 300,
        "switch-dr": sum(base[i] + (w[i] <= 10) * w[i] * gap[i] for i in range(300)) / 300,
        "dros": sum(base[i] + 100 * w[i] / (w[i] ** 2 + 100) * gap[i] for i in range(300)) / 300,
    }

    seen = rounds(log, target, q)
    assert {n: make(seen).value for n, make in ESTIMATORS.items()} == pytest.approx(
        expected, abs=1e-9
    )


def test_limits_meet():
    seen = rounds(LOG, PI, Q)
    dr = ESTIMATORS["dr"](seen).value

    assert switch_dr(seen, math.inf).value == dros(seen, math.inf).value == dr
    assert switch_dr(seen, 0.0).value == ESTIMATORS["dm"](seen).value
    assert ESTIMATORS["dr"](rounds(LOG, PI)).value == ESTIMATORS["ips"](rounds(LOG, PI)).value


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_mean_of_the_terms_is_the_value(name):
    parts = ESTIMATORS[name](rounds(LOG, PI, Q))

    assert parts.terms.mean() == pytest.approx(parts.value, abs=1e-12)


def test_evaluating_the_logged_policy_gives_the_logged_mean():
    log, _, _ = synthetic(np.random.default_rng(2))
    found = evaluate_policy(log, log.behaviour, np.random.default_rng(0))

    assert found.overlap.effective == pytest.approx(len(log))
    assert found.values[1].value == pytest.approx(log.rewards.mean())


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("name", sorted(UNBIASED))
def test_intervals_cover_the_truth(name, interval):
    rng, covered = np.random.default_rng(11), 0
    logs = 15 if interval == "bootstrap" else 60
    truth = np.mean([synthetic(np.random.default_rng(s), 20_000)[2] for s in range(5)])
    for _ in range(logs):
        log, target, _ = synthetic(rng, 800)
        seen = rounds(log, target, np.full_like(target, 0.4))
        ends = INTERVALS[interval](ESTIMATORS[name](seen), 0.95, rng)
        covered += truth in ends

    assert covered >= 0.95 * logs - 4 * math.sqrt(logs * 0.95 * 0.05)


def test_the_anytime_interval_is_wider_than_the_analytic_one():
    log, target, _ = synthetic(np.random.default_rng(3))
    wide, narrow = (
        policy_value(log, target, np.random.default_rng(0), interval=kind)
        for kind in ("anytime", "analytic")
    )

    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert wide.value == narrow.value


def test_the_exact_sequence_holds_the_mean_at_every_length():
    rng = np.random.default_rng(4)
    low, high = bounded_sequence(rng.choice([0.0, 4.0], 3000), low=0.0, high=4.0)

    assert (low[10:] <= 2.0).all()
    assert (high[10:] >= 2.0).all()
    assert high[-1] - low[-1] < 0.5


def test_cross_fitting_does_not_see_its_own_reward():
    log, _, _ = synthetic(np.random.default_rng(5), 400)
    before = cross_fitted_rewards(log, np.random.default_rng(0))
    moved = BanditLog(
        log.names, log.arms, log.rewards + (np.arange(400) == 7), log.propensities, log.contexts
    )

    after = cross_fitted_rewards(moved, np.random.default_rng(0))
    assert np.array_equal(after[7], before[7])
    assert not np.array_equal(after, before)


def test_missing_overlap_is_refused_not_estimated():
    log, target, _ = synthetic(np.random.default_rng(6))
    kept = log.only(log.arms != 3)
    blind = BanditLog(kept.names, kept.arms, kept.rewards, kept.propensities, kept.contexts)
    found = evaluate_policy(blind, target[: len(blind)], np.random.default_rng(0))

    assert all(
        value.value is None and "never takes 40.0%" in value.refusal for value in found.values
    )
    with pytest.raises(BadInput, match="never takes"):
        policy_value(blind, target[: len(blind)], np.random.default_rng(0))


def test_few_effective_decisions_leave_only_the_biased_estimators():
    n = 400
    behaviour = np.tile([0.99, 0.01], (n, 1))
    taken = (np.random.default_rng(7).random(n) < 0.01).astype(int)
    log = BanditLog(("a", "b"), taken, np.ones(n), behaviour[0][taken], None, behaviour)
    found = evaluate_policy(log, np.tile([0.0, 1.0], (n, 1)), np.random.default_rng(0))

    refused = {value.estimator for value in found.values if value.refusal}
    assert refused == UNBIASED
    assert "effective decisions" in found.values[1].refusal


def test_one_reward_everywhere_gives_no_interval_of_no_width():
    rng = np.random.default_rng(5)
    arms = rng.integers(0, 2, size=400)
    log = BanditLog(("a", "b"), arms, (arms == 1) * rng.random(400), np.full(400, 0.5))
    found = evaluate_policy(log, np.tile([1.0, 0.0], (400, 1)), rng)

    refused = {value.estimator for value in found.values if "earned the same" in value.refusal}
    assert refused == {"ips", "snips", "dr", "sndr"}


def test_wrong_propensities_are_noticed():
    log, target, _ = synthetic(np.random.default_rng(8))
    wrong = BanditLog(log.names, log.arms, log.rewards, np.minimum(log.propensities * 1.5, 1.0))

    assert "average" in overlap(wrong, target).unreliable


def test_slates_by_hand():
    w, r = [[2.0, 0.5], [1.0, 3.0]], [[1.0, 1.0], [0.0, 1.0]]

    assert slate_parts(w, r, interaction="independent").value == (2.5 + 3.0) / 2
    assert slate_parts(w, r, interaction="cascade").value == (3.0 + 3.0) / 2
    assert slate_parts(w, r, interaction="whole").value == (2.0 + 3.0) / 2


def decision(n, arm, chances):
    return Decision(
        decision_id=f"d{n}", user_id="ada", at=NOW, candidates=("a", "b"), arm=arm, reason="test",
        chosen=() if arm == NOTHING else (arm,), propensity=chances[arm], propensities=chances,
    )  # fmt: skip


def test_our_own_log_is_read_with_nothing_worth_nothing():
    chances = {"a": 0.5, "b": 0.25, NOTHING: 0.25}
    made = [decision(n, arm, chances) for n, arm in enumerate(("a", NOTHING, "b"))]
    came = [
        Outcome(decision_id="d0", what="done", at=NOW, dwell_ms=60_000),
        Outcome(decision_id="d0", what="dismiss", at=NOW + timedelta(hours=1)),
        Outcome(decision_id="d2", what="snooze", at=NOW, reward=0.25),
    ]
    log = log_of_decisions(made, came)

    assert log.rewards.tolist() == [1.0, 0.0, 0.25]
    assert log.names == ("a", "b", NOTHING)
    assert log.behaviour.tolist() == [[0.5, 0.25, 0.25]] * 3
    with pytest.raises(BadInput, match="no outcome"):
        log_of_decisions(made, came[:1])
    assert log_of_decisions(made, came[:1], unrewarded=-1.0).rewards[2] == -1.0


@pytest.mark.parametrize(
    "complaint",
    [
        lambda: BanditLog(("a",), [], [], []),
        lambda: BanditLog(("a",), [0], [1.0], [0.0]),
        lambda: BanditLog(("a",), [1], [1.0], [0.5]),
        lambda: BanditLog(("a",), [0], [math.nan], [0.5]),
        lambda: BanditLog(("a", "b"), [0], [1.0], [0.5], behaviour=[[0.4, 0.6]]),
        lambda: BanditLog(("a",), [0.7], [1.0], [0.5]),
        lambda: BanditLog(("a",), [0], [1.0], [0.5], contexts=[[math.nan]]),
        lambda: BanditLog(("a",), [0], [1.0], [0.5], contexts=[1.0]),
        lambda: evaluate_policy(LOG.only([0, 1]), PI[:2], np.random.default_rng(0)),
        lambda: rounds(LOG, PI[:, :2]),
        lambda: rounds(LOG, PI * 2),
        lambda: rounds(LOG, PI, Q[:2]),
        lambda: evaluate_by_position(LOG, PI, np.random.default_rng(0)),
        lambda: slate_parts([[1.0]], [[1.0, 2.0]]),
    ],
)
def test_broken_input_is_refused(complaint):
    with pytest.raises(BadInput):
        complaint()


def test_unknown_names_are_refused():
    with pytest.raises(UnknownName):
        evaluate_policy(LOG, PI, np.random.default_rng(0), estimators=["magic"])
    with pytest.raises(UnknownName):
        evaluate_policy(LOG, PI, np.random.default_rng(0), interval="magic")


def open_bandit_rows(count=40):
    head = ",timestamp,item_id,position,click,propensity_score,user_feature_0"
    rows = [
        f"{n},2019-11-24,{n % 4},{n % 3 + 1},{int(n % 5 == 0)},0.25,u{n % 2}" for n in range(count)
    ]
    return "\n".join([head, *rows]) + "\n"


def test_the_open_bandit_layout_is_read(tmp_path):
    (tmp_path / "item_context.csv").write_text("item_id\n0\n")
    (tmp_path / "men.csv").write_text(open_bandit_rows())
    log = read_open_bandit(tmp_path)

    assert (len(log), len(log.names), log.contexts.shape) == (40, 4, (40, 2))
    assert set(log.positions) == {1, 2, 3}
    assert log.rewards.sum() == 8


def test_a_broken_open_bandit_file_is_refused_with_its_place(tmp_path):
    (tmp_path / "cut.csv").write_text(open_bandit_rows().replace("propensity_score", "p"))
    (tmp_path / "hole.csv").write_text(open_bandit_rows() + "40,2019,1,,0,0.25,u\n")

    with pytest.raises(BadRows, match="propensity_score"):
        read_open_bandit(tmp_path / "cut.csv")
    with pytest.raises(BadRows, match="line 42"):
        read_open_bandit(tmp_path / "hole.csv")
    with pytest.raises(BadInput, match="one log CSV"):
        read_open_bandit(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        open_bandit_rows().replace("2019-11-24,3", "2019-11-24,three").encode(),
        open_bandit_rows().replace("2019-11-24,3", "2019-11-24,3.5").encode(),
        open_bandit_rows().replace("2019-11-24,3", "2019-11-24,-3").encode(),
        open_bandit_rows().replace("2019-11-24,3", "2019-11-24,99999999999999999999").encode(),
    ],
)
def test_what_is_no_open_bandit_log_is_refused_and_never_rounded(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(BadRows, match=r"log\.csv"):
        read_open_bandit(tmp_path)


def test_a_torn_archive_is_refused(tmp_path):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(open_bandit_rows().encode())[:-20])
    with pytest.raises(BadRows, match=r"log\.csv\.gz"):
        read_open_bandit(tmp_path)


@pytest.mark.skipif(not (SHARED / "obd-random").exists(), reason="the Open Bandit sample is absent")
def test_the_real_open_bandit_sample_by_position():
    log = read_open_bandit(SHARED / "obd-random" / "men")
    uniform = np.full((len(log), len(log.names)), 1 / len(log.names))
    found = evaluate_by_position(log, uniform, np.random.default_rng(0))

    assert sorted(found) == [1, 2, 3]
    whole = evaluate_policy(log, uniform, np.random.default_rng(0))
    assert whole.values[1].value == pytest.approx(log.rewards.mean())
    assert whole.values[3].low <= log.rewards.mean() <= whole.values[3].high


def test_rounds_are_plain_columns():
    assert isinstance(rounds(LOG, PI, Q), Rounds)
    assert rounds(LOG, PI, Q).weights.tolist() == pytest.approx([0.4, 1, 2.5, 1, 0.4, 2.5])
    assert overlap(LOG, PI).effective == pytest.approx(60.84 / 14.82)
