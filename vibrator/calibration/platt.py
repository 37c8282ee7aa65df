"""A slope and an intercept: log-odds that grow in a straight line with the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vibrator.calibration.labels import Labelled
from vibrator.calibration.logistic import logistic_fit
from vibrator.calibration.port import Calibrator
from vibrator.checks import require_finite
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlattCalibrator(Calibrator):
    """p = σ(slope · score + intercept), against Platt's softened targets.

    >>> PlattCalibrator(slope=4.0, intercept=-2.0).transform(0.5)
    np.float64(0.5)
    """

    kind: ClassVar[str] = "platt"
    slope: float | None = None
    intercept: float | None = None

    def __post_init__(self) -> None:
        for name in ("slope", "intercept"):
            if getattr(self, name) is not None:
                require_finite(name, getattr(self, name))

    def fit(
        self, scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None
    ) -> Self:
        """The line of least log loss; a slope below zero says that the scores point backwards."""
        rows = Labelled.checked(scores, labels, weights)
        rows.require_spread()
        low, spread = rows.scores.min(), np.ptp(rows.scores)
        unit = (rows.scores - low) / spread  # first, since the squares of tiny scores vanish
        centre, scale = unit.mean(), unit.std()
        columns = np.column_stack([(unit - centre) / scale, np.ones_like(unit)])
        slope, intercept = logistic_fit(columns, rows.softened(), rows.weights)
        slope /= scale
        with np.errstate(over="ignore"):  # a slope beyond every float is refused by name
            steep = slope / spread
        return type(self)(float(steep), float(intercept - slope * (centre + low / spread)))

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept, once fitted."""
        slope, intercept = self._known()
        return slope, intercept

    def _probabilities(self, scores: Floats) -> Floats:
        slope, intercept = self.line
        with np.errstate(over="ignore"):  # log-odds beyond every float are certainty
            return sigmoid(slope * scores + intercept)
