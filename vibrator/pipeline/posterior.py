"""Logistic regression as a belief: a normal prior, moved by rows, with what is left unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import BadInput, VibratorError
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS = 60
HALVINGS = 40
SETTLED = 1e-9  # what the next step may still take off the loss, in nats


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Coefficients as a normal belief: their mean and their precision (inverse covariance)."""

    mean: Floats
    precision: Floats

    def __post_init__(self) -> None:
        if self.precision.shape != (self.mean.size, self.mean.size):
            raise BadInput(
                f"precision must be square of side {self.mean.size}, got {self.precision.shape}"
            )

    def covariance(self) -> Floats:
        """How the coefficients may still vary."""
        return np.asarray(np.linalg.inv(self.precision))

    def blend(self, other: Posterior, share: float) -> Posterior:
        """A belief of `share` of our precision and 1 − share of the other's: forgetting, to it."""
        precision = share * self.precision + (1.0 - share) * other.precision
        pull = share * (self.precision @ self.mean)
        pull = pull + (1.0 - share) * (other.precision @ other.mean)
        return Posterior(np.asarray(np.linalg.solve(precision, pull)), precision)

    def learn(self, rows: Floats, outcomes: Floats, weights: Any = 1.0) -> Posterior:
        """The belief after these rows, by Newton's method with halved steps (Laplace).

        >>> start = Posterior(np.zeros(1), np.eye(1))
        >>> float(start.learn(np.ones((1000, 1)), np.ones(1000)).mean[0]) > 4
        True
        """
        mass = np.broadcast_to(np.asarray(weights, dtype=np.float64), outcomes.shape)
        best = self.mean.copy()
        loss = self._loss(best, rows, outcomes, mass)
        for _ in range(STEPS):
            p = sigmoid(rows @ best)
            gradient = rows.T @ (mass * (p - outcomes)) + self.precision @ (best - self.mean)
            curvature = rows.T @ (rows * (mass * p * (1 - p))[:, None]) + self.precision
            step = np.linalg.solve(curvature, gradient)
            if gradient @ step <= SETTLED:
                return Posterior(best, curvature)
            for _ in range(HALVINGS):
                lower = self._loss(best - step, rows, outcomes, mass)
                if lower <= loss:
                    break
                step = step / 2
            best, loss = best - step, lower
        raise VibratorError(f"the logistic fit did not settle in {STEPS} steps")

    def _loss(self, at: Floats, rows: Floats, outcomes: Floats, mass: Floats) -> float:
        logits, moved = rows @ at, at - self.mean
        fit = mass @ (np.logaddexp(0.0, logits) - outcomes * logits)
        return float(fit + moved @ self.precision @ moved / 2)
