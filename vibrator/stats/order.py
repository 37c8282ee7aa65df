"""How well scores order yeses before noes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def auc(outcomes: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a yes scores above a no; ties count half. NaN where all outcomes are alike.

    >>> auc([0, 1, 1], [0.1, 0.1, 0.9])
    0.75
    """
    y, s = scored(outcomes, scores)
    yes = float(y.sum())
    no = y.size - yes
    if not yes or not no:
        return float("nan")
    _, place, count = np.unique(s, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2.0  # of each distinct score, ties in the middle
    return float((ranks[place][y > 0].sum() - yes * (yes + 1) / 2) / (yes * no))


def scored(outcomes: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Outcomes of 0 and 1 with a score each."""
    y, s = np.asarray(outcomes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1:
        raise BadInput(
            f"outcomes and scores must be columns of one length, got {y.shape}, {s.shape}"
        )
    if not np.isin(y, (0.0, 1.0)).all():
        raise BadInput("outcomes must be 0 or 1")
    if np.isnan(s).any():
        raise BadInput("scores must be numbers, got NaN among them")
    return y, s
