"""The rows a calibrator is fitted on, checked once: scores, labels, weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# With fewer, the 95 % interval of any one rate is wider than a half: a map of rates says nothing.
FEWEST_LABELS = 10


@dataclass(frozen=True, slots=True)
class Labelled:
    """Scores and what became of them; a weight of 2 is the row seen twice."""

    scores: Floats
    labels: Floats
    weights: Floats

    @classmethod
    def checked(
        cls, scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
    ) -> Labelled:
        """Equal lengths, finite numbers, labels 0 and 1 both present, ten rows that weigh."""
        x = finite_column("scores", scores)
        y = zero_one_column("labels", labels, length=x.size)
        w = np.ones_like(x) if weights is None else _weight_column(weights, length=x.size)
        kept = w > 0
        if kept.sum() < FEWEST_LABELS:
            raise BadInput(
                f"labels must number at least {FEWEST_LABELS} to fit a calibrator, got {kept.sum()}"
            )
        if np.ptp(y[kept]) == 0:
            raise BadInput(f"labels must hold both 0 and 1, got only {y[kept][0]:.0f}")
        return cls(x[kept], y[kept], w[kept])

    def require_spread(self) -> None:
        """Equal scores cannot tell how fast probability grows with them."""
        if np.ptp(self.scores) == 0:
            raise BadInput(f"scores must take at least two values, got only {self.scores[0]!r}")

    def softened(self) -> Floats:
        """Platt's targets: one more success and one more failure imagined in each class.

        They keep the best map finite when the scores part the labels perfectly.
        """
        positive = float(self.weights @ self.labels)
        negative = float(self.weights.sum()) - positive
        return np.asarray(
            np.where(self.labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
        )


def finite_column(name: str, values: ArrayLike) -> Floats:
    """A row of finite numbers, refused with its first bad value otherwise.

    >>> finite_column("scores", [0.1, float("nan")])
    Traceback (most recent call last):
    vibrator.errors.BadInput: scores must be finite numbers, got nan at position 1
    """
    column = finite_array(name, values)
    if column.ndim != 1:
        raise BadInput(f"{name} must be one row of numbers, got an array of shape {column.shape}")
    return column


def finite_array(name: str, values: ArrayLike) -> Floats:
    """Finite numbers in any shape."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"{name} must be numbers, got {values!r:.80}") from None
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        found = array.reshape(-1)[place]
        raise BadInput(f"{name} must be finite numbers, got {found} at position {place}")
    return array


def share_column(name: str, values: ArrayLike) -> Floats:
    """A row of at least one number, all from 0 to 1."""
    column = finite_column(name, values)
    if column.size == 0:
        raise BadInput(f"{name} must hold at least one number, got none")
    require_inside(name, column)
    return column


def require_inside(name: str, numbers: Floats) -> None:
    """Every number lies from 0 to 1."""
    outside = np.flatnonzero((numbers < 0) | (numbers > 1))
    if outside.size:
        found = numbers.reshape(-1)[outside[0]]
        raise BadInput(f"{name} must lie from 0 to 1, got {found} at position {outside[0]}")


def zero_one_column(name: str, values: ArrayLike, *, length: int) -> Floats:
    """A row of zeros and ones, as long as its partner."""
    column = _as_long("scores or probabilities", finite_column(name, values), name, length)
    strange = np.flatnonzero((column != 0) & (column != 1))
    if strange.size:
        found = column[strange[0]]
        raise BadInput(f"{name} must be 0 or 1, got {found} at position {strange[0]}")
    return column


def _weight_column(values: ArrayLike, *, length: int) -> Floats:
    column = _as_long("scores", finite_column("weights", values), "weights", length)
    if (column < 0).any():
        raise BadInput(f"weights must not be negative, got {column.min()}")
    return column


def _as_long(partner: str, column: Floats, name: str, length: int) -> Floats:
    if column.size != length:
        raise BadInput(f"{name} must be as many as the {partner} ({length}), got {column.size}")
    return column
