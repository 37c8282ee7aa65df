"""Calibrators and their measures where single signs and limits count: formulas by hand."""

import math

import numpy as np
import pytest

from vibrator.calibration import BetaCalibrator, PlattCalibrator, TemperatureCalibrator
from vibrator.vectors import sigmoid

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
