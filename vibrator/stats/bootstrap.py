"""The bootstrap over people: resampled means, percentile intervals, paired p-values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.checks import require_count, require_finite
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

NOISE = 1e-12  # a mean difference this much smaller than the values is rounding, not a difference


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its percentile interval."""

    mean: float
    low: float
    high: float


def resampled_means(values: ArrayLike, *, resamples: int, rng: np.random.Generator) -> Floats:
    """Means over people drawn with replacement; a row a resample, a column a column of values.

    Every column sees the same draws, so that differences of columns are paired.

    >>> resampled_means([[1.0, 5.0], [1.0, 5.0]], resamples=2, rng=np.random.default_rng(0))
    array([[1., 5.],
           [1., 5.]])
    """
    table = _table(values)
    return cluster_means(table, np.arange(len(table)), resamples=resamples, rng=rng)


def cluster_means(
    values: ArrayLike, clusters: ArrayLike, *, resamples: int, rng: np.random.Generator
) -> Floats:
    """Means over rows where whole clusters (users, say) are drawn with all their rows."""
    table = _table(values)
    require_count("resamples", resamples)
    names, rows = np.unique(np.asarray(clusters), return_inverse=True)
    if rows.shape != table.shape[:1]:
        raise BadInput(f"clusters must name one per row, got {rows.shape} for {table.shape[:1]}")
    sums = np.zeros((len(names), table.shape[1] + 1))
    np.add.at(sums, rows, np.column_stack([table, np.ones(len(table))]))
    drawn = np.array([_draw(len(names), rng) @ sums for _ in range(resamples)])
    return np.asarray(drawn[:, :-1] / drawn[:, -1:])


def percentile_interval(means: ArrayLike, *, level: float = 0.95) -> Interval:
    """The mean of resampled means with their percentile interval.

    >>> percentile_interval([0.0, 1.0, 2.0, 3.0, 4.0], level=0.5)
    Interval(mean=2.0, low=1.0, high=3.0)
    """
    if not 0 < require_finite("level", level) < 1:
        raise BadInput(f"level must lie between 0 and 1, got {level}")
    drawn = _drawn(means)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(drawn.mean()), float(low), float(high))


def paired_gaps(first: ArrayLike, second: ArrayLike) -> Floats:
    """Differences of paired resamples; what is only rounding becomes 0.

    >>> paired_gaps([0.1 + 0.2, 1.0], [0.3, 0.5])
    array([0. , 0.5])
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise BadInput(f"resamples must be two equally long rows, got {a.shape} and {b.shape}")
    gaps = a - b
    gaps[np.abs(gaps) <= NOISE * max(np.abs(a).max(), np.abs(b).max())] = 0.0
    return gaps


def two_sided_p(gaps: ArrayLike, *, floored: bool = True) -> float:
    """2·min(P(d ≤ 0), P(d ≥ 0)) over resampled differences, at most 1.

    B resamples cannot show a p below 1/(B + 1), so that is the floor unless the caller lifts it.

    >>> two_sided_p([1.0, 2.0, 3.0])
    0.25
    """
    drawn = _drawn(gaps)
    p_value = min(2 * min((drawn <= 0).mean(), (drawn >= 0).mean()), 1.0)
    return float(max(p_value, 1 / (len(drawn) + 1)) if floored else p_value)


def _drawn(resamples: ArrayLike) -> Floats:
    values = np.asarray(resamples, dtype=np.float64)
    if not (values.size and np.isfinite(values).all()):
        raise BadInput(f"resamples must be finite numbers, at least one, got {values}")
    return values


def _draw(n: int, rng: np.random.Generator) -> Floats:
    """How often each of n comes up in n draws."""
    return np.bincount(rng.integers(0, n, size=n), minlength=n).astype(np.float64)


def _table(values: ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not len(table):
        raise BadInput(f"values must have a row a person and columns, got shape {table.shape}")
    if not np.isfinite(table).all():
        raise BadInput(f"values must be finite, got {table[~np.isfinite(table)][0]}")
    return table
