"""Three numbers that bend probabilities which are over- or underconfident at either end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vibrator.calibration.labels import Labelled, require_inside
from vibrator.calibration.logistic import logistic_fit, logistic_loss
from vibrator.calibration.port import Calibrator
from vibrator.checks import require_finite
from vibrator.errors import BadInput
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BetaCalibrator(Calibrator):
    """p = σ(a ln s − b ln(1 − s) + c) with a, b ≥ 0, for scores s from 0 to 1.

    Kull, Silva Filho and Flach (2017). a = b = 1, c = 0 changes nothing.

    >>> BetaCalibrator(1.0, 1.0, 0.0).transform([0.0, 0.25, 1.0])
    array([0.  , 0.25, 1.  ])
    """

    kind: ClassVar[str] = "beta"
    a: float | None = None
    b: float | None = None
    c: float | None = None

    def __post_init__(self) -> None:
        for name in ("a", "b", "c"):
            value = getattr(self, name)
            if value is not None and require_finite(name, value) < 0 and name != "c":
                raise BadInput(f"{name} must not be negative, got {value!r}")

    def fit(
        self, scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None
    ) -> Self:
        """The rising map of least log loss; scores of exactly 0 or 1 have no log-odds."""
        rows = Labelled.checked(scores, labels, weights)
        rows.require_spread()
        low, high = rows.scores.min(), rows.scores.max()
        if low <= 0 or high >= 1:
            raise BadInput(
                f"scores must lie between 0 and 1 to fit a beta map, got {low} to {high}"
            )
        return type(self)(*best_beta(rows))

    def _probabilities(self, scores: Floats) -> Floats:
        from scipy.special import xlog1py, xlogy

        a, b, c = self._known()
        require_inside("scores", scores)
        return sigmoid(xlogy(a, scores) - xlog1py(b, -scores) + c)


def best_beta(rows: Labelled) -> tuple[float, float, float]:
    """The best of the fits on all, either or neither of ln s and −ln(1 − s) that stay rising.

    The loss is convex, so where a coefficient would be negative the best map has it at zero.
    """
    targets = rows.softened()
    columns = np.column_stack(
        [np.log(rows.scores), -np.log1p(-rows.scores), np.ones_like(rows.scores)]
    )

    def loss(coefficients: Floats) -> float:
        return logistic_loss(columns @ coefficients, targets, rows.weights)

    def rising() -> Iterator[Floats]:
        for used in ([0, 1, 2], [0, 2], [1, 2], [2]):
            fit = np.zeros(3)
            fit[used] = logistic_fit(columns[:, used], targets, rows.weights)
            if fit[0] >= 0 and fit[1] >= 0:
                yield fit

    a, b, c = min(rising(), key=loss)
    return float(a), float(b), float(c)
