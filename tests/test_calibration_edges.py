"""Calibrators and their measures where single signs and limits count: formulas by hand."""

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator import calibration
from vibrator.calibration import (
    BetaCalibrator,
    DriftMonitor,
    DriftReport,
    DriftRow,
    IsotonicCalibrator,
    PlattCalibrator,
    ReliabilityCurve,
    TemperatureCalibrator,
    VennAbersCalibrator,
    calculate_brier_score,
    calculate_ece,
)
from vibrator.calibration.drift import DRIFTS, log_evidence, log_gains
from vibrator.calibration.labels import Labelled
from vibrator.errors import ArtefactError, BadInput, NotFitted
from vibrator.vectors import sigmoid

START, DAY = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)

SCORES = np.array([0.01, 0.2, 0.5, 0.77, 0.999])


def test_a_beta_map_is_its_formula():
    said = BetaCalibrator(0.8, 1.7, -0.4).transform(SCORES)
    by_hand = [
        1 / (1 + math.exp(-(0.8 * math.log(s) - 1.7 * math.log(1 - s) - 0.4))) for s in SCORES
    ]
    np.testing.assert_allclose(said, by_hand, rtol=1e-12)


def test_a_beta_map_that_was_fitted_is_the_best_of_its_neighbours():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.98, 3_000)
    labels = (
        rng.random(3_000) < sigmoid(1.5 * np.log(scores) - 0.7 * np.log1p(-scores) + 0.9)
    ).astype(int)
    fitted = BetaCalibrator().fit(scores, labels)
    best = fitted.parameters()
    for name in best:
        for step in (-0.3, 0.3):
            other = BetaCalibrator(**{**best, name: best[name] + step})
            assert loss(other.transform(scores), labels) > loss(fitted.transform(scores), labels)


def loss(said, labels):
    return -float(np.mean(labels * np.log(said) + (1 - labels) * np.log1p(-said)))


@pytest.mark.parametrize("logits", [np.array([-3.0, 0.0, 1.2])])
def test_temperature_and_platt_are_their_formulas(logits):
    np.testing.assert_allclose(
        TemperatureCalibrator(2.5).transform(logits), sigmoid(logits / 2.5), rtol=1e-12
    )
    found = PlattCalibrator(0.7, -0.3).transform(logits)
    np.testing.assert_allclose(found, sigmoid(0.7 * logits - 0.3), rtol=1e-12)


def test_every_public_name_is_there():
    assert [name for name in calibration.__all__ if not hasattr(calibration, name)] == []


TEN = np.linspace(0.1, 0.9, 10), [0, 1] * 5
GOOD = [0.2, 0.8], [0, 1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PlattCalibrator().fit(["x"], [1]), "scores must be numbers"),
        (lambda: PlattCalibrator().fit(TEN[0], ["x"] * 10), "labels must be numbers"),
        (lambda: PlattCalibrator().fit(TEN[0], [1]),
         r"labels must be as many as the scores or probabilities \(10\), got 1"),
        (lambda: PlattCalibrator().fit(TEN[0], [0, 3] * 5), "labels must be 0 or 1, got 3.0 at"),
        (lambda: PlattCalibrator().fit(*TEN, weights=["x"] * 10), "weights must be numbers"),
        (lambda: PlattCalibrator().fit(*TEN, weights=[1.0]),
         r"weights must be as many as the scores \(10\), got 1"),
        (lambda: PlattCalibrator().fit([0.5] * 10, TEN[1]), "scores must take at least two values"),
        (lambda: BetaCalibrator().fit([0.5] * 10, TEN[1]), "scores must take at least two values"),
        (lambda: BetaCalibrator(1.0, 1.0, 0.0).transform([1.5]), "scores must lie from 0 to 1"),
        (lambda: BetaCalibrator(-1.0, 1.0, 0.0), "a must not be negative, got -1.0"),
        (lambda: BetaCalibrator(1.0, -1.0, 0.0), "b must not be negative, got -1.0"),
        (lambda: BetaCalibrator(1.0, 1.0, math.nan), "c must be a finite number"),
        (lambda: PlattCalibrator(math.nan, 0.0), "slope must be a finite number"),
        (lambda: PlattCalibrator(0.0, math.nan), "intercept must be a finite number"),
        (lambda: PlattCalibrator(1.0, 0.0).transform(["x"]), "scores must be numbers"),
        (lambda: TemperatureCalibrator(0.0), "temperature must be positive, got 0.0"),
        (lambda: IsotonicCalibrator(["x"], [0.5]), "knots must be numbers"),
        (lambda: IsotonicCalibrator([0.5], ["x"]), "probabilities must be numbers"),
        (lambda: IsotonicCalibrator([0.5], [1.5]), "probabilities must lie from 0 to 1"),
        (lambda: IsotonicCalibrator([0.5, 0.4], [0.1, 0.2]), "knots must rise"),
        (lambda: IsotonicCalibrator([0.4, 0.5], [0.3, 0.2]), "knots must rise"),
        (lambda: IsotonicCalibrator([0.4, 0.5], [0.3]), "knots and probabilities must pair up"),
        (lambda: calculate_brier_score([2.0], [1]), "probabilities must lie from 0 to 1, got 2.0"),
        (lambda: calculate_brier_score([], []), "probabilities must hold at least one number"),
        (lambda: calculate_brier_score([0.5], [2]), "outcomes must be 0 or 1, got 2.0"),
        (lambda: calculate_ece(*GOOD, bins=0), "bins must be at least 1, got 0"),
        (lambda: calculate_ece(*GOOD, equal="luck"), "equal must be one of"),
        (lambda: ReliabilityCurve.of(*GOOD, rng=np.random.default_rng(0), groups=[1]),
         "groups must name one for each of 2 rows"),
        (lambda: DriftMonitor(DAY, fewest=0), "fewest must be at least 1, got 0"),
        (lambda: DriftMonitor(DAY, false_alarm=2.0), "false_alarm must lie from 0 to 1, got 2.0"),
        (lambda: DriftMonitor(DAY, false_alarm=1.0), "false_alarm must lie between 0 and 1"),
        (lambda: DriftMonitor(DAY, false_alarm=0.0), "false_alarm must lie between 0 and 1"),
        (lambda: DriftMonitor(DAY, tolerated_odds=0.99), "tolerated_odds must be a factor"),
        (lambda: DriftMonitor(DAY, tolerated_odds="x"), "tolerated_odds must be a finite number"),
        (lambda: DriftMonitor(timedelta(0)), "window must be a timedelta longer than nothing"),
        (lambda: DriftMonitor(DAY).check([3], [0.5], [1]), "times must be a datetime, got 3"),
        (lambda: DriftMonitor(DAY).check([START] * 3, *GOOD), "times must be as many"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_name_first(call, words):
    with pytest.raises(BadInput, match=f"^{words}"):
        call()


def test_what_just_can_be_is_taken():
    assert DriftMonitor(DAY, fewest=1, tolerated_odds=1.0).false_alarm == 0.05
    assert BetaCalibrator(0.0, 0.0, -3.0).fitted
    assert IsotonicCalibrator([0.4, 0.5], [0.3, 0.3]).transform(0.45) == pytest.approx(0.3)
    assert Labelled.checked(*TEN).labels.sum() == 5
    with pytest.raises(BadInput, match="at least 10 to fit a calibrator, got 9"):
        Labelled.checked(*TEN, weights=[0.0, *[1.0] * 9])


def test_a_row_of_weight_nought_is_not_there_and_softening_adds_one_of_each():
    rows = Labelled.checked(np.arange(12.0), [0, 1] * 6, [0.0, 0.0, *[2.0] * 10])
    assert rows.scores.tolist() == list(np.arange(2.0, 12.0))
    assert rows.weights.tolist() == [2.0] * 10
    assert rows.softened() == pytest.approx([1 / 12, 11 / 12] * 5)


def test_a_document_is_kind_version_parameters_and_their_checksum():
    body = {"kind": "platt", "version": 1, "parameters": {"slope": 2.0, "intercept": -1.0}}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    document = PlattCalibrator(2.0, -1.0).document()

    assert document == body | {"checksum": hashlib.sha256(text.encode()).hexdigest()}
    assert PlattCalibrator.from_document(document) == PlattCalibrator(2.0, -1.0)
    for change, words in (
        ({"version": 2}, "version must be 1, got 2"),
        ({"checksum": "x"}, "checksum does not match the parameters, got 'x'"),
        ({"kind": "beta"}, "checksum does not match"),
    ):
        with pytest.raises(ArtefactError, match=f"^{words}"):
            PlattCalibrator.from_document(document | change)
    for torn in (None, {}, document | {"more": 1}):
        with pytest.raises(ArtefactError, match=r"^a calibrator document has \['checksum', 'kind'"):
            PlattCalibrator.from_document(torn)
    with pytest.raises(BadInput, match=r"^path must be a path"):
        PlattCalibrator.load(None)


def test_equal_parameters_are_equal_calibrators_and_unfitted_ones_are_alike():
    one, same, other = (PlattCalibrator(slope, 0.5) for slope in (1.0, 1.0, 2.0))
    assert one == same != other
    assert len({one, same, other}) == 2
    assert PlattCalibrator() == PlattCalibrator() != one
    assert PlattCalibrator() != TemperatureCalibrator()
    assert hash(PlattCalibrator()) == hash(PlattCalibrator())
    assert (PlattCalibrator().fitted, one.fitted) == (False, True)
    for use in (PlattCalibrator().parameters, lambda: PlattCalibrator().transform(0.5)):
        with pytest.raises(NotFitted, match=r"^PlattCalibrator has no parameters yet"):
            use()


def test_an_isotonic_curve_keeps_its_first_and_last_step():
    scores, labels = np.arange(12.0), [0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1]
    weights = [9.0, *[1.0] * 10, 9.0]
    fitted = IsotonicCalibrator().fit(scores, labels, weights=weights)
    assert (fitted.knots[0], fitted.knots[-1]) == (0.0, 11.0)
    steep = IsotonicCalibrator().fit([*[0.0] * 5, *[1.0] * 5, 2.0, 2.0], [0] * 5 + [0, 1] * 3 + [1])
    assert steep.knots.tolist() == [0.0, 1.0, 2.0]
    assert steep.probabilities == pytest.approx([1 / 6, 2 / 5, 2 / 3])


def test_calibrators_print_shortly():
    assert repr(IsotonicCalibrator()) == "IsotonicCalibrator(unfitted)"
    assert repr(IsotonicCalibrator([0.1, 0.4], [0.2, 0.3])) == "IsotonicCalibrator(2 knots)"
    assert repr(VennAbersCalibrator()) == "VennAbersCalibrator(unfitted)"
    assert "unfitted" not in repr(VennAbersCalibrator().fit(*TEN))


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_a_beta_map_cannot_be_fitted_on_scores_without_log_odds(end):
    with pytest.raises(BadInput, match=r"^scores must lie between 0 and 1 to fit a beta map"):
        BetaCalibrator().fit([end, *TEN[0][1:-1], 0.5], TEN[1])


@pytest.mark.parametrize(("a", "b"), [(3.0, -1.5), (-1.5, 3.0), (-1.0, -1.0)])
def test_a_beta_map_never_falls_where_the_labels_do(a, b):
    """The best of the rising maps: a coefficient that would be negative is nought."""
    rng = np.random.default_rng(2)
    scores = rng.uniform(0.01, 0.99, 2_000)
    labels = rng.random(2_000) < sigmoid(a * np.log(scores) - b * np.log1p(-scores))
    fitted = BetaCalibrator().fit(scores, labels.astype(int))

    assert (fitted.a == 0.0) is (a < 0)
    assert (fitted.b == 0.0) is (b < 0)
    assert (np.diff(fitted.transform(np.sort(scores))) >= 0).all()


def test_copied_rows_of_a_person_do_not_narrow_the_band_when_people_are_drawn():
    rng = np.random.default_rng(3)
    said = rng.uniform(0.05, 0.95, 80)
    came = (rng.random(80) < said).astype(float)
    people, rows = np.repeat(np.arange(80), 9), (np.repeat(said, 9), np.repeat(came, 9))

    def reach(groups):
        error = ReliabilityCurve.of(
            *rows, rng=np.random.default_rng(4), resamples=120, groups=groups
        ).smooth_ece
        return error.high - error.value

    single = ReliabilityCurve.of(said, came, rng=np.random.default_rng(4), resamples=120)
    alone = single.smooth_ece.high - single.smooth_ece.value
    assert reach(people) == pytest.approx(alone, rel=0.25)
    assert reach([f"p{n:02}" for n in people]) == reach(people)
    assert reach(None) < 0.5 * reach(people)


# Drift


def windows(*evidence, alarm=None):
    return tuple(
        DriftRow(START + n * DAY, START + (n + 1) * DAY, 60, 0.25, 0.5, 0.1, 0.2, found, n == alarm)
        for n, found in enumerate(evidence)
    )


def test_a_report_says_in_a_sentence_what_it_found():
    quiet, loud = DriftReport(windows(-0.5, 0.9), 1.3), DriftReport(windows(0.5, 7.2, alarm=1), 1.3)
    assert (quiet.refit_needed, quiet.alarm) == (False, None)
    assert quiet.why() == (
        "No refit: over 2 windows the evidence against calibration reached 7.9 to 1, below the "
        "limit of 20 to 1."
    )
    assert (loud.refit_needed, loud.alarm) == (True, loud.rows[1])
    assert loud.why() == (
        "Refit: in the window from 2026-03-02 00:00 on, 50.0% of 60 happened where 25.0% was said; "
        "the evidence against calibration came to 10^7 to 1, above the limit of 20 to 1."
    )
    assert DriftReport((), 1.3).why().startswith("No refit: over 0 windows")
    almost = DriftReport(windows(5.999, alarm=0), 1.0).why()
    assert "came to 997,700 to 1, above the limit of 10 to 1" in almost


def test_pictures_say_what_they_show():
    drift = DriftReport(windows(0.5, 7.2, alarm=1), 1.3).to_svg()
    for words in ("Evidence against calibration", "refit above", "drawn from 1/10 to 158,489 to 1"):
        assert words in drift
    assert "Mine" in DriftReport(windows(0.5), 1.3).to_svg("Mine")
    rng = np.random.default_rng(0)
    said = rng.random(400)
    curve = ReliabilityCurve.of(said, rng.random(400) < said, rng=rng, resamples=10)
    picture = curve.to_svg()
    ece = curve.smooth_ece
    facts = f"smooth ECE {ece.value:.3f} ({ece.low:.3f} to {ece.high:.3f})"
    for words in (
        "Reliability", "probability said", "share that happened", facts,
        f"Brier score {curve.brier_score:.3f}",
    ):  # fmt: skip
        assert words in picture
    assert 'width="440"' in picture
    titled = curve.to_svg("Mine", "of March")
    assert "Mine" in titled
    assert "of March" in titled


def test_evidence_is_a_stake_spread_over_drifts_and_beginnings():
    """Σⱼ (mean over drifts of all gains since j) / j(j + 1), and 1/(n + 1) still in hand."""
    gains = np.random.default_rng(1).normal(0.1, 0.5, (6, 4))
    for n in range(1, 7):
        stake = 1 / (n + 1)
        for start in range(1, n + 1):
            won = np.exp(gains[start - 1 : n].sum(axis=0)).mean()
            stake += won / (start * (start + 1))
        assert log_evidence(gains)[n - 1] == pytest.approx(math.log(stake))


@pytest.mark.parametrize("tolerated", [1.0, 1.5])
def test_a_gain_is_the_likelihood_of_a_drift_over_the_nearest_that_is_tolerated(tolerated):
    said, came = np.array([0.2, 0.7, 0.5]), np.array([1.0, 0.0, 1.0])
    room = math.log(tolerated)
    for (shift, slope), found in zip(DRIFTS, log_gains(said, came, tolerated), strict=True):
        total = 0.0
        for p, y in zip(said, came, strict=True):
            x = math.log(p / (1 - p))
            drifted = shift + slope * x
            nearest = min(max(drifted, x - room), x + room)
            q, r = (1 / (1 + math.exp(-z)) for z in (drifted, nearest))
            total += math.log(q / r) if y else math.log((1 - q) / (1 - r))
        assert found == pytest.approx(total)
    assert len(DRIFTS) == 27
    sure = log_gains(np.array([0.0, 1.0, 0.2]), np.array([0.0, 1.0, 1.0]), tolerated)
    assert sure == pytest.approx(log_gains(said[:1], came[:1], tolerated))  # no surprise, no gain
    for p, y in ((0.0, 1.0), (1.0, 0.0)):
        assert np.isinf(log_gains(np.array([p]), np.array([y]), tolerated)).all()


def test_drifts_up_and_down_are_betted_on_alike():
    shifts = sorted({shift for shift, _ in DRIFTS})
    assert shifts == [-shift for shift in shifts[::-1]]
    assert len(shifts) == 7
    assert all(((a, b) in DRIFTS) is ((-a, b) in DRIFTS) for a, b in DRIFTS)


def test_windows_follow_one_another_from_the_first_outcome_on():
    times = [START + timedelta(hours=hour) for hour in (0, 1, 23, 24, 25, 80)]
    report = DriftMonitor(DAY, fewest=2).check(times, [0.5] * 6, [1, 0, 1, 1, 1, 0])

    assert [(row.start, row.end) for row in report.rows] == [
        (START + n * DAY, START + (n + 1) * DAY) for n in range(4)
    ]
    assert [row.count for row in report.rows] == [3, 2, 0, 1]
    assert [row.happened for row in report.rows] == [pytest.approx(2 / 3), 1.0, None, None]
    assert [row.said for row in report.rows] == [0.5, 0.5, None, None]
    assert (report.rows[1].brier_score, report.rows[1].smooth_ece) == (0.25, pytest.approx(0.5))
    assert report.log10_limit == pytest.approx(math.log10(20))
    gains = [
        log_gains(np.full(3, 0.5), np.array([1.0, 0, 1]), 1.1),
        log_gains(np.full(2, 0.5), np.ones(2), 1.1),
        np.zeros(27), np.zeros(27),
    ]  # fmt: skip
    expected = log_evidence(np.array(gains)) / math.log(10)
    assert [row.log10_evidence for row in report.rows] == pytest.approx(list(expected))
