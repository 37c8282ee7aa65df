"""Calibrators: a planted truth comes back, outside references agree, bad input is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from vibrator.calibration import CALIBRATORS, load_calibrator
from vibrator.calibration import IsotonicCalibrator as Isotonic
from vibrator.calibration import TemperatureCalibrator as Temperature
from vibrator.calibration import VennAbersCalibrator as VennAbers
from vibrator.calibration.labels import Labelled
from vibrator.errors import ArtefactError, BadInput, NotFitted
from vibrator.vectors import logit, sigmoid

KINDS = sorted(CALIBRATORS)


def sample(n=4000, seed=0, truth=lambda x: x):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.02, 0.98, n)
    return scores, (rng.random(n) < truth(scores)).astype(int)


def fitted(kind, scores, labels, **more):
    x = logit(scores) if kind == "temperature" else scores
    return CALIBRATORS[kind]().fit(x, labels, **more), x


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_truth_is_recovered(kind):
    truth = lambda s: sigmoid(logit(s) / 2)  # noqa: E731 - a formula
    scores, labels = sample(20_000, truth=truth)
    calibrator, x = fitted(kind, scores, labels)
    miss = np.abs(calibrator.transform(x) - truth(scores)).mean()
    # Isotonic, the widest of them, is off by about n^(-1/3) = 0.037 at a point.
    assert miss < 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_rise_with_the_scores_and_stay_inside(kind):
    calibrator, x = fitted(kind, *sample(200))
    shares = calibrator.transform(np.sort(x))
    assert (np.diff(shares) >= -1e-12).all()
    assert 0 < shares.min() < shares.max() < 1


@pytest.mark.parametrize("kind", KINDS)
def test_shape_is_kept_and_a_scalar_stays_one(kind):
    calibrator, x = fitted(kind, *sample(100))
    assert calibrator.transform(x.reshape(5, 20)).shape == (5, 20)
    assert calibrator.transform(float(x[3])) == calibrator.transform(x)[3]
    assert calibrator.transform([]).shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_is_the_same_value(kind, tmp_path):
    calibrator, x = fitted(kind, *sample(300))
    calibrator.save(tmp_path / "one.json")
    again = load_calibrator(tmp_path / "one.json")
    assert again == calibrator
    assert hash(again) == hash(calibrator)
    np.testing.assert_array_equal(again.transform(x), calibrator.transform(x))


@pytest.mark.parametrize("kind", KINDS)
def test_fit_leaves_the_unfitted_value_alone(kind):
    blank = CALIBRATORS[kind]()
    fitted(kind, *sample(100))
    with pytest.raises(NotFitted):
        blank.transform([0.5])
    with pytest.raises(NotFitted):
        blank.document()


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_of_two_is_the_row_twice(kind):
    scores, labels = sample(120)
    twice, x = fitted(kind, np.repeat(scores, 2), np.repeat(labels, 2))
    heavy, _ = fitted(kind, scores, labels, weights=np.full(120, 2.0))
    np.testing.assert_allclose(heavy.transform(x), twice.transform(x), atol=1e-9)


BAD = {
    "nine labels": (np.linspace(0.1, 0.9, 9), [0, 1] * 4 + [1], "at least 10"),
    "one class": (np.linspace(0.1, 0.9, 12), [1] * 12, "only 1"),
    "nan": ([0.1, np.nan] * 6, [0, 1] * 6, "nan at position 1"),
    "lengths": (np.linspace(0.1, 0.9, 12), [0, 1] * 5, "got 10"),
    "labels": (np.linspace(0.1, 0.9, 12), [0, 2] * 6, "0 or 1, got 2"),
    "words": (["a"] * 12, [0, 1] * 6, "must be numbers"),
    "a table": (np.ones((12, 1)), [0, 1] * 6, "one row"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_rows_are_refused_by_name(kind, case):
    scores, labels, words = BAD[case]
    with pytest.raises(BadInput, match=words):
        CALIBRATORS[kind]().fit(scores, labels)


def test_weights_below_zero_and_weightless_rows_are_refused():
    scores, labels = sample(20)
    with pytest.raises(BadInput, match="negative"):
        Isotonic().fit(scores, labels, weights=np.full(20, -1.0))
    with pytest.raises(BadInput, match="at least 10"):
        Isotonic().fit(scores, labels, weights=np.zeros(20))


@pytest.mark.parametrize("change", ["parameters", "version", "checksum", "kind", "torn", "extra"])
def test_a_changed_document_is_refused(change, tmp_path):
    document = Temperature(2.0).document()
    changed = {"parameters": {"temperature": 1.0}, "version": 9, "checksum": "0", "kind": "magic"}
    text = json.dumps({**document, change: changed.get(change)})
    (tmp_path / "one.json").write_text(text[:-9] if change == "torn" else text)
    with pytest.raises(ArtefactError):
        load_calibrator(tmp_path / "one.json")


def test_another_kind_is_refused(tmp_path):
    Temperature(2.0).save(tmp_path / "one.json")
    with pytest.raises(ArtefactError, match="kind must be 'isotonic'"):
        Isotonic.load(tmp_path / "one.json")


def test_a_temperature_for_scores_that_point_backwards_is_refused():
    scores, labels = sample(200)
    with pytest.raises(BadInput, match="rise with the labels"):
        Temperature().fit(-logit(scores), labels)
    with pytest.raises(BadInput, match="positive"):
        Temperature(-1.0)


def test_perfectly_parted_labels_have_a_finite_map():
    scores, labels = np.linspace(0.05, 0.95, 20), np.arange(20) >= 10
    for kind in KINDS:
        calibrator, x = fitted(kind, scores, labels)
        assert np.isfinite(calibrator.transform(x)).all(), kind


def test_beta_refuses_scores_outside_zero_to_one():
    beta, _ = fitted("beta", *sample(100))
    with pytest.raises(BadInput, match="from 0 to 1"):
        beta.transform([1.5])


def test_extreme_scores_neither_overflow_nor_leave_the_range():
    extremes = np.array([-1e308, -1e3, 0.0, 1e3, 1e308])
    for kind in set(KINDS) - {"beta"}:
        shares = fitted(kind, *sample(100))[0].transform(extremes)
        assert ((shares >= 0) & (shares <= 1)).all(), kind


def test_platt_is_scikit_learns_logistic_regression_on_softened_targets():
    scores, labels = sample(500)
    soft = Labelled.checked(scores, labels).softened()
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    twice, weight = np.tile(scores, 2)[:, None], np.concatenate([soft, 1 - soft])
    peer.fit(twice, np.repeat([1, 0], 500), sample_weight=weight)
    ours = fitted("platt", scores, labels)[0].transform(scores)
    np.testing.assert_allclose(ours, peer.predict_proba(scores[:, None])[:, 1], atol=1e-6)


def test_isotonic_is_scikit_learns_with_a_success_below_and_a_failure_above():
    scores, labels = sample(400)
    peer = IsotonicRegression(out_of_bounds="clip")
    peer.fit(np.concatenate([[-9], scores, [9]]), np.concatenate([[1], labels, [0]]))
    inside = np.linspace(scores.min(), scores.max(), 999)
    ours = Isotonic().fit(scores, labels)
    np.testing.assert_allclose(ours.transform(inside), peer.predict(inside), atol=1e-12)


def naive_venn_abers(scores, labels, at):
    def end(label):
        x, y = np.append(scores, at), np.append(labels, label)
        return IsotonicRegression().fit(x, y).predict([at])[0]

    return end(0), end(1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=10, max_size=40))
def test_venn_abers_is_isotonic_fitted_twice(rows):
    scores, labels = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows], float)
    if np.ptp(labels) == 0:
        return
    calibrator = VennAbers().fit(scores, labels)
    for at in (-1.0, scores[0], scores[1] + 0.5, 99.0):
        low, high = calibrator.interval(at)
        np.testing.assert_allclose((low, high), naive_venn_abers(scores, labels, at), atol=1e-12)
        assert low <= calibrator.transform(at) <= high


@pytest.mark.integration
def test_venn_abers_is_the_package_of_that_name():
    from venn_abers import VennAbers as Peer

    scores, labels = sample(500)
    at = np.random.default_rng(5).random(300)
    with np.errstate(all="ignore"):
        peer = Peer()
        peer.fit(np.c_[1 - scores, scores], labels)
        merged, ends = peer.predict_proba(np.c_[1 - at, at])
    ours = VennAbers().fit(scores, labels)
    np.testing.assert_allclose(np.transpose(ours.interval(at)), ends, atol=1e-12)
    np.testing.assert_allclose(ours.transform(at), merged[:, 1], atol=1e-12)


def test_a_calibrator_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"lost\.json cannot be read"):
        load_calibrator(tmp_path / "lost.json")
