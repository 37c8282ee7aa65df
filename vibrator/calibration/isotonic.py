"""Whatever rising curve the labels draw: pooled adjacent violators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vibrator.calibration.labels import Labelled, require_inside
from vibrator.calibration.port import Calibrator, frozen_row
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class IsotonicCalibrator(Calibrator):
    """The non-decreasing curve of least squares through the labels, straight between its knots.

    Below its first and above its last knot the curve is level: that is its definition. One
    success imagined below every score and one failure above keep it off exactly 0 and 1, where a
    single surprise would cost an infinite log loss.

    >>> IsotonicCalibrator([0.0, 1.0], [0.2, 0.6]).transform([-5.0, 0.5, 5.0])
    array([0.2, 0.4, 0.6])
    """

    kind: ClassVar[str] = "isotonic"
    knots: Floats | None = None
    probabilities: Floats | None = None

    def __post_init__(self) -> None:
        if self.knots is None and self.probabilities is None:
            return
        knots = frozen_row("knots", self.knots)
        shares = frozen_row("probabilities", self.probabilities)
        if knots.ndim != 1 or knots.shape != shares.shape or knots.size == 0:
            raise BadInput(f"knots and probabilities must pair up, got {knots.size}, {shares.size}")
        if (np.diff(knots) <= 0).any() or (np.diff(shares) < 0).any():
            raise BadInput("knots must rise and probabilities must not fall")
        require_inside("probabilities", shares)
        object.__setattr__(self, "knots", knots)
        object.__setattr__(self, "probabilities", shares)

    def __repr__(self) -> str:
        size = "unfitted" if self.knots is None else f"{self.knots.size} knots"
        return f"{type(self).__name__}({size})"

    def fit(
        self, scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None
    ) -> Self:
        """Pool the labels in the order of their scores until they rise."""
        rows = Labelled.checked(scores, labels, weights)
        return type(self)(*pooled(rows))

    def _probabilities(self, scores: Floats) -> Floats:
        knots, probabilities = self._known()
        return np.asarray(np.interp(scores, knots, probabilities))


def pooled(rows: Labelled) -> tuple[Floats, Floats]:
    """Knots and heights of the curve, the two imagined rows included."""
    from sklearn.isotonic import isotonic_regression

    knots, place = np.unique(rows.scores, return_inverse=True)
    weight = np.bincount(place, rows.weights)
    rate = np.bincount(place, rows.weights * rows.labels) / weight
    heights = isotonic_regression(
        np.concatenate([[1.0], rate, [0.0]]),
        sample_weight=np.concatenate([[1.0], weight, [1.0]]),
    )[1:-1]
    needed = _corners(heights)
    return knots[needed], heights[needed]


def _corners(heights: Floats) -> NDArray[np.bool_]:
    """Both ends of every level stretch; what lies between adds nothing to the curve."""
    inner = (heights[1:-1] != heights[:-2]) | (heights[1:-1] != heights[2:])
    return np.concatenate([[True], inner, [True]])[: heights.size]
