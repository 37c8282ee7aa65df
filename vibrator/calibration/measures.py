"""How good probabilities are, in one number each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.calibration.labels import share_column, zero_one_column
from vibrator.checks import require_count
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def calculate_brier_score(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Mean squared distance between what was said and what happened; 0 is best.

    >>> calculate_brier_score([1.0, 0.5], [1, 0])
    0.125
    """
    p, y = checked_pair(probabilities, outcomes)
    return float(np.mean((p - y) ** 2))


def calculate_log_loss(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Mean surprise in nats; infinite once something happened that was called impossible.

    >>> calculate_log_loss([0.0], [1])
    inf
    """
    p, y = checked_pair(probabilities, outcomes)
    with np.errstate(divide="ignore"):
        return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p)))) + 0.0


@dataclass(frozen=True, slots=True)
class BrierParts:
    """Brier score = reliability − resolution + uncertainty."""

    reliability: float
    resolution: float
    uncertainty: float

    @property
    def brier_score(self) -> float:
        """The score that the parts add up to."""
        return self.reliability - self.resolution + self.uncertainty


def decompose_brier_score(probabilities: ArrayLike, outcomes: ArrayLike) -> BrierParts:
    """What miscalibration costs, what telling cases apart earns, what the base rate leaves open.

    The rising curve of least squares through the outcomes takes the place of bins (Dimitriadis,
    Gneiting and Jordan, 2021), so no part depends on a bin width and none is negative.
    """
    from sklearn.isotonic import isotonic_regression

    p, y = checked_pair(probabilities, outcomes)
    _, place = np.unique(p, return_inverse=True)
    count = np.bincount(place)
    curve = isotonic_regression(np.bincount(place, y) / count, sample_weight=count)
    base = y.mean()
    reliability = np.mean((p - y) ** 2) - np.mean((curve[place] - y) ** 2)
    resolution = count @ (curve - base) ** 2 / p.size
    return BrierParts(float(reliability), float(resolution), float(base * (1 - base)))


def calculate_ece(
    probabilities: ArrayLike, outcomes: ArrayLike, *, bins: int = 15, equal: str = "mass"
) -> float:
    """Expected calibration error over bins of equal mass or of equal width.

    It depends on the bins; `calculate_smooth_ece` does not.

    >>> calculate_ece([0.25, 0.25, 0.75, 0.75], [0, 0, 1, 1], bins=2)
    0.25
    """
    require_count("bins", bins)
    if equal not in tuple(BINNINGS):
        raise BadInput(f"equal must be one of {', '.join(BINNINGS)}, got {equal!r}")
    p, y = checked_pair(probabilities, outcomes)
    gaps = np.bincount(BINNINGS[equal](p, bins), p - y)
    return float(np.abs(gaps).sum() / p.size)


def checked_pair(probabilities: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Floats]:
    """Probabilities from 0 to 1, and as many outcomes that are 0 or 1."""
    p = share_column("probabilities", probabilities)
    return p, zero_one_column("outcomes", outcomes, length=p.size)


def _mass_bins(p: Floats, bins: int) -> NDArray[np.intp]:
    """Bins cut at quantiles; equal probabilities stay together."""
    edges = np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, p, side="left")


def _width_bins(p: Floats, bins: int) -> NDArray[np.intp]:
    return np.minimum((p * bins).astype(np.intp), bins - 1)


BINNINGS = {"mass": _mass_bins, "width": _width_bins}
