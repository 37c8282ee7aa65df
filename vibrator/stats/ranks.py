"""Comparing several treatments on the same subjects by ranks: Friedman, Nemenyi, effect sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2, rankdata, studentized_range

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Friedman:
    """Whether any of k treatments ranks differently over n subjects, and how strongly (W)."""

    n: int
    k: int
    chi2: float
    df: int
    p_value: float
    kendall_w: float


def friedman(values: ArrayLike) -> Friedman:
    """The Friedman test, corrected for ties, with Kendall's W: 0 no agreement, 1 perfect.

    >>> friedman([[1, 2, 3], [2, 3, 4], [1, 5, 9]]).kendall_w
    1.0
    >>> friedman([[1, 1, 1], [2, 2, 2]]).p_value  # nothing differs
    1.0
    """
    table = _subjects_by_treatments(values)
    n, k = table.shape
    ranks = rankdata(table, axis=1)
    spread = float(((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum())
    room = float(((ranks - (k + 1) / 2) ** 2).sum())  # n·k(k²−1)/12 where no subject has ties
    statistic = (k - 1) * spread / room if room else 0.0
    p_value = float(chi2.sf(statistic, k - 1))
    return Friedman(n, k, statistic, k - 1, p_value, statistic / (n * (k - 1)))


def nemenyi(values: ArrayLike) -> Floats:
    """p-values of all pairs of treatments after Friedman, by the studentized range of mean ranks.

    >>> nemenyi([[1, 2, 9], [1, 3, 8], [2, 3, 7], [1, 2, 5]]).round(3)
    array([[1.   , 0.333, 0.013],
           [0.333, 1.   , 0.333],
           [0.013, 0.333, 1.   ]])
    """
    table = _subjects_by_treatments(values)
    n, k = table.shape
    means = rankdata(table, axis=1).mean(axis=0)
    gaps = np.abs(np.subtract.outer(means, means)) / np.sqrt(k * (k + 1) / (6 * n))
    p_values = np.ones((k, k))
    for i, j in zip(*np.triu_indices(k, 1), strict=True):
        p_values[i, j] = p_values[j, i] = _range_tail(gaps[i, j], k)
    return p_values


def rank_biserial(first: ArrayLike, second: ArrayLike) -> float:
    """Effect size of pairs, −1 to 1: the share of rank mass where first is larger, less the rest.

    >>> rank_biserial([3, 4, 5, 1], [1, 1, 1, 2])
    0.8
    """
    a, b = _finite("first", first), _finite("second", second)
    if a.shape != b.shape or a.ndim != 1:
        raise BadInput(f"pairs must be two equally long rows, got {a.shape} and {b.shape}")
    differences = (a - b)[a != b]
    ranks = rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum()) if len(ranks) else 0.0


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> float:
    """Effect size of two independent groups: P(first > second) − P(first < second).

    >>> cliffs_delta([2, 3], [1, 3])
    0.25
    """
    a, b = _finite("first", first).ravel(), np.sort(_finite("second", second).ravel())
    if not (len(a) and len(b)):
        raise BadInput(f"both groups must have values, got {len(a)} and {len(b)}")
    below = np.searchsorted(b, a, side="left").sum()
    above = (len(b) - np.searchsorted(b, a, side="right")).sum()
    return float((int(below) - int(above)) / (len(a) * len(b)))


def _range_tail(gap: float, k: int) -> float:
    """P(range of k standard normals ≥ √2·gap), kept within 0 and 1 against quadrature noise."""
    return float(min(max(studentized_range.sf(gap * np.sqrt(2), k, np.inf), 0.0), 1.0))


def _subjects_by_treatments(values: ArrayLike) -> Floats:
    table = _finite("values", values)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise BadInput(f"values must have a row a subject, two columns or more; got {table.shape}")
    return table


def _finite(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise BadInput(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array
