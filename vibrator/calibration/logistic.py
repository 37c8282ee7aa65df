"""Logistic regression on a few columns, to the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import VibratorError
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS = 100
HALVINGS = 50
SETTLED = 1e-15  # share of the loss that the next step may still take off


def logistic_fit(columns: Floats, targets: Floats, weights: Floats) -> Floats:
    """Coefficients of least weighted log loss, by Newton's method with halved steps.

    Targets may be any shares from 0 to 1; an intercept is a column of ones.
    """
    best = np.zeros(columns.shape[1])
    loss = logistic_loss(columns @ best, targets, weights)
    for _ in range(STEPS):
        p = sigmoid(columns @ best)
        gradient = columns.T @ (weights * (p - targets))
        curvature = columns.T @ (columns * (weights * p * (1 - p))[:, None])
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        if gradient @ step <= SETTLED * loss:
            return np.asarray(best - step)
        for _ in range(HALVINGS):
            lower = logistic_loss(columns @ (best - step), targets, weights)
            if lower <= loss:
                break
            step /= 2
        best, loss = best - step, lower
    raise VibratorError(f"the logistic fit did not settle in {STEPS} steps")


def logistic_loss(logits: Floats, targets: Floats, weights: Floats) -> float:
    """Σ w (log(1 + e^x) − t x)."""
    return float(weights @ (np.logaddexp(0.0, logits) - targets * logits))
