"""Resampling of rare and common labels, as indices and weights that every horizon shares.

HistOS and HistUS after Aminian, Ribeiro and Gama (2025): bins of the label, rare ones copied or
common ones thinned out. Bins are of equal width in log1p(y), with zero in a bin of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vibrator.checks import require_positive
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class HistPlan:
    """β says how far to go from the natural shares (0) to equal bins (1)."""

    beta: float = 0.5
    bins: int = 10
    most_copies: int = 5

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)
        if self.bins < 1 or self.most_copies < 1:
            raise BadInput(f"bins and most_copies must be at least 1, got {self}")


@dataclass(frozen=True, slots=True)
class Sample:
    """Row positions, copies repeated, and for each the inverse of how often it was to be expected.

    Training with the weights undoes the resampling on average; without them `natural_odds`
    brings a chance learned on the sample back to the population.
    """

    rows: Rows
    weights: Floats

    def row_weights(self, size: int, *, corrected: bool) -> Floats:
        """A weight for every row of the table: copies, times the inverse weights if corrected."""
        return np.bincount(self.rows, self.weights if corrected else None, size).astype(float)


def label_bins(label: ArrayLike, bins: int) -> NDArray[np.intp]:
    """Bin 0 for zero; others of equal width in log1p, the largest label inside the last one.

    >>> label_bins([0.0, 1.0, 99.0], 2)
    array([0, 1, 2])
    """
    y = np.asarray(label, dtype=float)
    if not np.isfinite(y).all() or (y < 0).any():
        raise BadInput("labels must be finite and not negative")
    if not (y > 0).any():
        return np.zeros(y.shape, dtype=np.intp)
    x = np.log1p(y)
    edges = np.linspace(x[y > 0].min(), x.max(), bins + 1)[1:-1]
    return np.where(y > 0, 1 + np.searchsorted(edges, x, side="right"), 0)


def _scarcity(label: ArrayLike, plan: HistPlan, *, reference: Callable[[Floats], float]) -> Floats:
    """(n_ref / n_bin)^β for the bin of each row."""
    at = label_bins(label, plan.bins)
    counts = np.bincount(at).astype(float)
    return np.asarray((reference(counts[counts > 0]) / counts[at]) ** plan.beta)


def hist_over(label: ArrayLike, plan: HistPlan, rng: Generator) -> Sample:
    """Copy rows of rare bins: stochastic_round(clip((n_ref/n_bin)^β, 1, most_copies)) of each.

    The reference is the fullest bin, so that nothing is lost.
    """
    expected = np.clip(_scarcity(label, plan, reference=np.max), 1.0, plan.most_copies)
    copies = _stochastic_round(expected, rng)
    rows = np.repeat(np.arange(copies.size), copies)
    return Sample(rows, 1.0 / expected[rows])


def hist_under(label: ArrayLike, plan: HistPlan, rng: Generator) -> Sample:
    """Keep a row with p = min(1, (n_ref/n_bin)^β); the reference is the median bin."""
    keep = np.minimum(_scarcity(label, plan, reference=np.median), 1.0)
    rows = np.flatnonzero(rng.random(keep.size) < keep)
    return Sample(rows, 1.0 / keep[rows])


def _stochastic_round(values: Floats, rng: Generator) -> NDArray[np.int64]:
    whole = np.floor(values)
    return np.asarray(whole + (rng.random(values.size) < values - whole), dtype=np.int64)


SAMPLERS: dict[str, Callable[[ArrayLike, HistPlan, np.random.Generator], Sample]] = {
    "histos": hist_over,
    "histus": hist_under,
}


def natural_odds(probability: ArrayLike, *, positives: float, zeros: float) -> Floats:
    """A chance learned on a sample, brought back: odds divided by how much more buyers came in.

    `positives` and `zeros` are the mean expected copies of a row of each kind.

    >>> natural_odds([0.5], positives=3.0, zeros=1.0)
    array([0.25])
    """
    p = np.asarray(probability, dtype=float)
    ratio = require_positive("positives", positives) / require_positive("zeros", zeros)
    return np.asarray(p / (p + (1.0 - p) * ratio))


@dataclass
class StreamingUnder:
    """HistUS for a stream: bins are counted as rows come, and nothing is looked at twice.

    Edges are fixed from the start (`widest` is the label from which the last bin begins), so the
    same stream and dice give the same sample whatever the batches.
    """

    plan: HistPlan
    widest: float
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        require_positive("widest", self.widest)
        self.counts = np.zeros(self.plan.bins + 1, dtype=np.int64)

    def learn(self, label: ArrayLike, rng: Generator) -> Sample:
        """Count a batch and sample it by what has been seen up to each row."""
        y = np.asarray(label, dtype=float)
        edges = np.linspace(0.0, np.log1p(self.widest), self.plan.bins)[1:]
        at = np.where(y > 0, 1 + np.searchsorted(edges, np.log1p(y), side="right"), 0)
        seen = self.counts + np.cumsum(np.eye(self.counts.size, dtype=np.int64)[at], axis=0)
        self.counts = seen[-1] if y.size else self.counts
        mine = seen[np.arange(y.size), at]
        middle = np.nanmedian(np.where(seen > 0, seen, np.nan), axis=1)
        keep = np.minimum((middle / mine) ** self.plan.beta, 1.0)
        rows = np.flatnonzero(rng.random(y.size) < keep)
        return Sample(rows, 1.0 / keep[rows])
