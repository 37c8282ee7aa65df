"""Two isotonic fits, one for either answer: a probability that brings its own interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vibrator.calibration.labels import Labelled, finite_array, require_inside
from vibrator.calibration.port import Calibrator, frozen_row
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class VennAbersCalibrator(Calibrator):
    """p = p₁ / (1 − p₀ + p₁), where pᵢ is the isotonic fit had this score been seen with label i.

    Inductive Venn-Abers prediction (Vovk, Petej and Fedorova, 2015): one of p₀ and p₁ is
    calibrated whatever the scores. Both are step functions of the score, worked out at fit time.
    """

    kind: ClassVar[str] = "venn_abers"
    low_steps: Floats | None = None
    low_values: Floats | None = None
    high_steps: Floats | None = None
    high_values: Floats | None = None

    def __post_init__(self) -> None:
        for end in ("low", "high"):
            steps, values = getattr(self, f"{end}_steps"), getattr(self, f"{end}_values")
            if steps is None and values is None:
                continue
            steps, values = frozen_row(f"{end}_steps", steps), frozen_row(f"{end}_values", values)
            if steps.ndim != 1 or values.shape != (steps.size + 1,) or (np.diff(steps) <= 0).any():
                raise BadInput(f"{end}_steps must rise and have one more value than steps")
            require_inside(f"{end}_values", values)
            object.__setattr__(self, f"{end}_steps", steps)
            object.__setattr__(self, f"{end}_values", values)

    def __repr__(self) -> str:
        size = "unfitted" if self.high_steps is None else f"{self.high_steps.size} steps"
        return f"{type(self).__name__}({size})"

    def fit(
        self, scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None
    ) -> Self:
        """Work out p₀ and p₁ for every score there can be."""
        rows = Labelled.checked(scores, labels, weights)
        knots, place = np.unique(rows.scores, return_inverse=True)
        weight = np.bincount(place, rows.weights).astype(np.float64)
        positive = np.bincount(place, rows.weights * rows.labels).astype(np.float64)
        high = np.array([*with_one_more_success(weight, positive), 1.0])
        mirrored = with_one_more_success(weight[::-1], (weight - positive)[::-1])
        low = 1.0 - np.array([*mirrored, 1.0])[::-1]
        return type(self)(*_steps(knots, low), *_steps(knots, high))

    def interval(self, scores: ArrayLike) -> tuple[Floats, Floats]:
        """p₀ and p₁, each in the shape of the scores; a binary search a score."""
        low, high = self._ends(finite_array("scores", scores))
        return low[()], high[()]

    def _probabilities(self, scores: Floats) -> Floats:
        low, high = self._ends(scores)
        return high / (1.0 - low + high)

    def _ends(self, scores: Floats) -> tuple[Floats, Floats]:
        low_steps, low_values, high_steps, high_values = self._known()
        low = low_values[low_steps.searchsorted(scores, side="right")]
        high = high_values[high_steps.searchsorted(scores, side="left")]
        return np.asarray(low), np.asarray(high)


def with_one_more_success(weight: Floats, positive: Floats) -> list[float]:
    """At each distinct score, the isotonic value there had one more success been seen at it.

    The isotonic value is a slope of the lower hull of (weight so far, successes so far). The
    extra success stands at (−1, −1) before the hull at first; moving past a score it moves that
    score's corner down by (1, 1), and only the corners this uncovers are looked at again.
    """
    corners = list(zip(np.cumsum(weight).tolist(), np.cumsum(positive).tolist(), strict=True))
    hull = _lower_hull([(-1.0, -1.0), (0.0, 0.0), *corners])[::-1]  # leftmost corner last
    values = []
    for x, y in corners:
        values.append(_slope(hull[-1], hull[-2]))
        moved = (x - 1.0, y - 1.0)
        if _turn(hull[-1], hull[-2], moved) < 0:
            hull.pop()
            while len(hull) > 1 and _turn(moved, hull[-1], hull[-2]) <= 0:
                hull.pop()
            hull.append(moved)
    return values


def _lower_hull(points: list[Point]) -> list[Point]:
    hull: list[Point] = []
    for point in points:
        while len(hull) > 1 and _turn(hull[-2], hull[-1], point) <= 0:
            hull.pop()
        hull.append(point)
    return hull


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above zero where a → b → c turns left, that is where c lies above the line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _slope(a: Point, b: Point) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


def _steps(knots: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Only the knots at which the value changes."""
    changes = values[1:] != values[:-1]
    return knots[changes], values[np.concatenate([[True], changes])]
