"""Measures of calibration, held against other people's formulas."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from vibrator.calibration import (
    DriftMonitor,
    ReliabilityCurve,
    calculate_brier_score,
    calculate_ece,
    calculate_log_loss,
    calculate_smooth_ece,
    decompose_brier_score,
    smooth_ece_interval,
)
from vibrator.errors import BadInput
from vibrator.vectors import logit, sigmoid

START = datetime(2026, 1, 1, tzinfo=UTC)
MEASURES = (calculate_brier_score, calculate_log_loss, calculate_ece, calculate_smooth_ece)


def drawn(n, truth=lambda p: p, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, n)
    return p, (rng.random(n) < truth(p)).astype(float)


def test_brier_score_and_log_loss_are_scikit_learns():
    p, y = drawn(500)
    assert calculate_brier_score(p, y) == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert calculate_log_loss(p, y) == pytest.approx(log_loss(y, p), abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_bad_probabilities_are_refused(measure):
    for p, y in (([1.2], [1]), ([np.nan], [1]), ([], []), ([0.5], [0, 1]), ([0.5], [2])):
        with pytest.raises(BadInput):
            measure(p, y)


def test_brier_parts_add_up_and_none_is_negative():
    p, y = drawn(800, lambda p: p**2)
    parts = decompose_brier_score(p, y)
    assert parts.brier_score == pytest.approx(calculate_brier_score(p, y), abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0
    assert decompose_brier_score(y, y).reliability == 0


def test_ece_of_one_bin_is_the_bias():
    p, y = drawn(300)
    for equal in ("mass", "width"):
        assert calculate_ece(p, y, bins=1, equal=equal) == pytest.approx(abs(np.mean(p - y)))
    with pytest.raises(BadInput, match="equal must be one of"):
        calculate_ece(p, y, equal="luck")


def direct_smooth_ece(p, y):
    """The published formula, every row against every t, the width by bisection."""
    t = (np.arange(1000) + 0.5) / 1000

    def error(width):
        images = (
            np.exp(-(((t + side * p[:, None] + 2 * k) / width) ** 2) / 2)
            for k in range(-3, 4)
            for side in (-1, 1)
        )
        return np.abs((y - p) @ sum(images)).mean() / p.size / width / np.sqrt(2 * np.pi)

    low, high = 1e-3, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return middle


@pytest.mark.parametrize("truth", [lambda p: p, lambda p: p**2, lambda p: 1 - p])
def test_smooth_ece_is_the_published_formula(truth):
    p, y = drawn(80, truth)
    assert calculate_smooth_ece(p, y) == pytest.approx(direct_smooth_ece(p, y), abs=1e-5)


def test_smooth_ece_at_the_ends():
    assert calculate_smooth_ece([0.0, 1.0], [0, 1]) == 0
    assert calculate_smooth_ece([1.0, 1.0], [0, 0]) == pytest.approx(1.0)


def test_the_interval_covers_no_error_and_a_planted_one():
    planted = calculate_smooth_ece(*drawn(400_000, lambda p: p**1.5, seed=9))
    rng = np.random.default_rng(1)
    kept = {"none": 0, "planted": 0}
    for seed in range(20):
        none = smooth_ece_interval(*drawn(600, seed=seed), rng=rng, resamples=60)
        some = smooth_ece_interval(*drawn(600, lambda p: p**1.5, seed=seed), rng=rng, resamples=60)
        kept["none"] += none.low == 0
        kept["planted"] += some.low <= planted <= some.high
    assert min(kept.values()) >= 16  # 19 expected; 16 or fewer has a chance of 1.6 %


def test_the_curve_follows_the_planted_truth_and_draws_itself():
    curve = ReliabilityCurve.of(
        *drawn(8000, lambda p: p**2), rng=np.random.default_rng(0), resamples=50
    )
    inside = (curve.said > 0.15) & (curve.said < 0.85)  # kernels flatten a curve at its ends
    assert np.abs(curve.happened - curve.said**2)[inside].max() < 0.06
    assert curve.histogram.sum() == 8000
    assert curve.to_svg().startswith("<svg")


def stream(windows, count, *, seed, drift_from=None, shift=0.6):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 5, windows * count)
    true = p.copy()
    if drift_from is not None:
        late = slice(drift_from * count, None)
        true[late] = sigmoid(logit(p[late]) + shift)
    times = [START + timedelta(days=i / count) for i in range(p.size)]
    return times, p, (rng.random(p.size) < true).astype(int)


def test_a_planted_drift_is_found_soon_after_it_began():
    report = DriftMonitor(timedelta(days=1)).check(*stream(40, 150, seed=3, drift_from=25))
    assert report.refit_needed
    assert 25 <= report.rows.index(report.alarm) <= 33
    assert "Refit: in the window from 2026-01-30" in report.why()
    assert report.to_svg().startswith("<svg")


def test_calibrated_streams_seldom_alarm_over_a_hundred_windows():
    monitor = DriftMonitor(timedelta(days=1), fewest=20, tolerated_odds=1.0)
    alarms = sum(monitor.check(*stream(100, 25, seed=s)).refit_needed for s in range(10))
    assert alarms <= 3  # at most half of one expected; four or more has a chance of 0.1 %


def test_thin_windows_are_listed_and_not_judged():
    times, p, y = stream(3, 10, seed=0)
    report = DriftMonitor(timedelta(days=1), fewest=11).check(times, p, y)
    assert [row.count for row in report.rows] == [10, 10, 10]
    assert {row.brier_score for row in report.rows} == {None}
    assert report.why().startswith("No refit")


def test_order_of_the_rows_does_not_matter():
    times, p, y = stream(5, 60, seed=0)
    mixed = np.random.default_rng(0).permutation(p.size)
    monitor = DriftMonitor(timedelta(days=1))
    ours, theirs = (
        monitor.check(times, p, y),
        monitor.check([times[i] for i in mixed], p[mixed], y[mixed]),
    )
    assert ours.rows[-1].log10_evidence == pytest.approx(theirs.rows[-1].log10_evidence)


def test_an_outcome_that_was_called_impossible_is_proof():
    times, p, y = stream(2, 60, seed=0)
    p[70], y[70] = 0.0, 1
    report = DriftMonitor(timedelta(days=1)).check(times, p, y)
    assert report.alarm is report.rows[1]


def test_naive_times_and_empty_windows_are_refused():
    with pytest.raises(BadInput, match="timezone"):
        DriftMonitor(timedelta(days=1)).check([datetime(2026, 1, 1)], [0.5], [1])  # noqa: DTZ001 - the point
    for wrong in (
        {"window": timedelta(0)},
        {"fewest": 0},
        {"false_alarm": 1},
        {"tolerated_odds": 0},
    ):
        with pytest.raises(BadInput):
            DriftMonitor(**{"window": timedelta(days=1), **wrong})


@pytest.mark.parametrize(
    ("bad", "named"),
    [({"level": 2.0}, "level"), ({"resamples": 0}, "resamples"), ({"rng": 7}, "rng")],
)
def test_an_interval_that_cannot_be_drawn_is_refused(bad, named):
    options = {"rng": np.random.default_rng(7), **bad}
    for measure in (smooth_ece_interval, ReliabilityCurve.of):
        with pytest.raises(BadInput, match=f"{named} must"):
            measure([0.2, 0.8], [0, 1], **options)


@pytest.mark.parametrize(
    ("bad", "named"),
    [({"window": 3}, "window"), ({"fewest": "x"}, "fewest"), ({"tolerated_odds": "x"}, "odds")],
)
def test_a_monitor_that_cannot_watch_is_refused(bad, named):
    with pytest.raises(BadInput, match=f"{named} must"):
        DriftMonitor(**{"window": timedelta(days=1), **bad})


def test_windows_far_shorter_than_the_time_of_the_outcomes_are_refused():
    times, p, y = stream(40, 10, seed=3)
    with pytest.raises(BadInput, match="at most 10,000 windows"):
        DriftMonitor(timedelta(seconds=1)).check(times, p, y)
