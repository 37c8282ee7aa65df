"""Levels put right on later rows, by maps so simple that they keep the order of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq, minimize

from vibrator.checks import require_finite
from vibrator.errors import BadInput
from vibrator.vectors import logit, sigmoid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

SMALLEST_SHARE = 1e-12  # keeps the logit finite where trees answer exactly 0 or 1
WIDEST_SHIFT = 60.0  # logits; twice as far as SMALLEST_SHARE lies from one half


@dataclass(frozen=True, slots=True)
class PoissonLevel:
    """Calibrated = e^a · predicted^b with b above 0, so that nobody changes places.

    >>> PoissonLevel(0.0, 1.0).apply([2.0]).round(6)
    array([2.])
    """

    a: float = 0.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require_finite("a", self.a)
        if not require_finite("b", self.b) > 0:
            raise BadInput(f"b must be positive to keep the order, got {self.b}")

    def apply(self, predicted: ArrayLike) -> Floats:
        """Predictions at the fitted level."""
        return np.asarray(np.exp(self.a + self.b * np.log(np.asarray(predicted, dtype=float))))


def fit_poisson_level(label: ArrayLike, predicted: ArrayLike) -> PoissonLevel:
    """Poisson regression of the label on log(predicted): at its optimum the totals agree."""
    y, p = np.asarray(label, dtype=float), np.asarray(predicted, dtype=float)
    if not (p > 0).all():
        raise BadInput("predictions must be positive to be calibrated on the log scale")
    if not y.sum() > 0:
        raise BadInput("the calibration rows hold no revenue at all")
    x = np.log(p)
    centre = x.mean()

    def loss(at: Floats) -> tuple[float, Floats]:
        linear = at[0] + at[1] * (x - centre)
        mean = np.exp(linear)
        miss = (mean - y) / y.mean()
        return float(np.mean(mean - y * linear) / y.mean()), np.array(
            [miss.mean(), (miss * (x - centre)).mean()]
        )

    best = minimize(loss, [np.log(y.mean()), 1.0], jac=True, method="BFGS")
    if not best.x[1] > 0:
        raise BadInput(
            "on the calibration rows revenue does not rise with what was predicted "
            f"(slope {best.x[1]:.3f} on {y.size} rows, {int((y > 0).sum())} with revenue): "
            "the features say nothing about it there, or the rows are too few"
        )
    return PoissonLevel(float(best.x[0] - best.x[1] * centre), float(best.x[1]))


@dataclass(frozen=True, slots=True)
class LogitTilt:
    """Calibrated = σ(a + b · logit p) with b above 0; the identity by default."""

    a: float = 0.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require_finite("a", self.a)
        if not require_finite("b", self.b) > 0:
            raise BadInput(f"b must be positive to keep the order, got {self.b}")

    def apply(self, probability: ArrayLike) -> Floats:
        """Probabilities at the fitted level."""
        return sigmoid(self.a + self.b * _safe_logit(probability))


def fit_logit_tilt(label: ArrayLike, probability: ArrayLike) -> LogitTilt:
    """Cross-entropy fit of both numbers; every row weighs the same, whatever its class."""
    y, x = np.asarray(label, dtype=float), _safe_logit(probability)
    _require_both_sides(y, np.ones_like(y))

    def loss(at: Floats) -> tuple[float, Floats]:
        linear = at[0] + at[1] * x
        miss = sigmoid(linear) - y
        entropy = np.logaddexp(0.0, linear) - y * linear
        return float(entropy.mean()), np.array([miss.mean(), (miss * x).mean()])

    best = minimize(loss, [0.0, 1.0], jac=True, method="BFGS")
    return LogitTilt(float(best.x[0]), float(best.x[1]))


def fit_logit_shift(
    label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None
) -> LogitTilt:
    """The shift a, with b = 1, at which the weighted mean probability meets the labels' mean.

    One number is all that a few hundred buyers can tell about a share.
    """
    y, x = np.asarray(label, dtype=float), _safe_logit(probability)
    w = np.ones_like(y) if weight is None else np.asarray(weight, dtype=float)
    _require_both_sides(y, w)

    def miss(a: float) -> float:
        return float((w * (sigmoid(a + x) - y)).sum())

    return LogitTilt(float(brentq(miss, -WIDEST_SHIFT, WIDEST_SHIFT)))


def _require_both_sides(label: Floats, weight: Floats) -> None:
    if not 0.0 < float((weight * label).sum()) < float(weight.sum()):
        raise BadInput(
            "calibrating a probability needs labels on both sides, got "
            f"{label.size} rows with a mean label of {label.mean() if label.size else 0:g}"
        )


def _safe_logit(probability: ArrayLike) -> Floats:
    p = np.asarray(probability, dtype=float)
    return logit(np.clip(p, SMALLEST_SHARE, 1.0 - SMALLEST_SHARE))
