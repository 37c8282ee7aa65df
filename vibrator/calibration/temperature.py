"""One number: how much to trust log-odds that already point the right way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vibrator.calibration.labels import Labelled
from vibrator.calibration.port import Calibrator
from vibrator.checks import require_positive
from vibrator.errors import BadInput
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TemperatureCalibrator(Calibrator):
    """p = σ(score / T) for scores that are log-odds.

    The fit searches log T, so T is positive by construction. Scores that do not rise with the
    labels have no best temperature and are refused.

    >>> TemperatureCalibrator(2.0).transform([-2.0, 0.0, 2.0]).round(3)
    array([0.269, 0.5  , 0.731])
    """

    kind: ClassVar[str] = "temperature"
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None:
            require_positive("temperature", self.temperature)

    def fit(
        self, scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None
    ) -> Self:
        """The temperature of least log loss against Platt's softened targets."""
        rows = Labelled.checked(scores, labels, weights)
        return type(self)(best_temperature(rows))

    def _probabilities(self, scores: Floats) -> Floats:
        (temperature,) = self._known()
        with np.errstate(over="ignore"):  # log-odds beyond every float are certainty
            return sigmoid(scores / temperature)


def best_temperature(rows: Labelled) -> float:
    """The one root of d loss / d(1/T), sought on log T; the loss is convex in 1/T."""
    from scipy.optimize import brentq

    scale = float(np.abs(rows.scores).max())
    targets = rows.softened()

    def slope(log_temperature: float) -> float:
        excess = sigmoid(rows.scores / scale * np.exp(-log_temperature)) - targets
        return float(rows.weights @ (rows.scores / scale * excess))

    if scale == 0 or slope(np.inf) >= 0:
        raise BadInput("scores must rise with the labels to have a temperature, these do not")
    low, high = -1.0, 1.0
    while slope(low) < 0:
        low *= 2
    while slope(high) > 0:
        high *= 2
    return scale * float(np.exp(brentq(slope, low, high, xtol=1e-12)))
