"""Intervals that keep their promise in every bin of prediction: Mondrian split conformal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LEAST_ROWS = 200  # a bin with fewer calibration rows says little about a 95 % tail


@dataclass(frozen=True, slots=True)
class MondrianIntervals:
    """Per bin of prediction, how far labels stray below and above it on the log1p scale.

    `edges` are the inner borders between bins; where `below` is None the interval starts at 0.
    """

    edges: tuple[float, ...]
    below: tuple[float | None, ...]
    above: tuple[float, ...]
    level: float = 0.95

    def __post_init__(self) -> None:
        if not len(self.below) == len(self.above) == len(self.edges) + 1:
            raise BadInput("one pair of margins a bin is needed, and one edge fewer")
        if list(self.edges) != sorted(self.edges):
            raise BadInput(f"edges must not fall, got {self.edges}")

    def bins(self, predicted: ArrayLike) -> NDArray[np.intp]:
        """The bin of each prediction."""
        return np.searchsorted(self.edges, np.asarray(predicted, dtype=float), side="right")

    def interval(self, predicted: ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper ends; revenue cannot be negative, so neither end is."""
        p = np.asarray(predicted, dtype=float)
        at = self.bins(p)
        middle = np.log1p(p)
        below = np.array([-np.inf if margin is None else margin for margin in self.below])
        low, high = (
            np.expm1(np.maximum(middle + margin[at], 0.0))
            for margin in (below, np.asarray(self.above))
        )
        return low, high


def fit_intervals(
    label: ArrayLike, predicted: ArrayLike, *, level: float = 0.95, bins: int = 10
) -> MondrianIntervals:
    """Conformal margins per equal-count bin of prediction.

    Where zeros alone fill the lower tail the interval is [0, upper] and the whole error goes to
    the upper side; elsewhere it is split in two.
    """
    y, p = np.asarray(label, dtype=float), np.asarray(predicted, dtype=float)
    if not 0.5 < level < 1.0:
        raise BadInput(f"level must lie between 0.5 and 1, got {level}")
    if y.size < LEAST_ROWS:
        raise BadInput(f"conformal intervals need {LEAST_ROWS} rows, got {y.size}")
    bins = min(bins, y.size // LEAST_ROWS)
    edges = np.unique(np.quantile(p, np.arange(1, bins) / bins))
    at = np.searchsorted(edges, p, side="right")
    residual = np.log1p(y) - np.log1p(p)
    margins = [_margins(residual[at == b], y[at == b], 1.0 - level) for b in range(edges.size + 1)]
    below, above = zip(*margins, strict=True)
    return MondrianIntervals(tuple(map(float, edges)), below, above, level)


def _margins(residual: Floats, label: Floats, miss: float) -> tuple[float | None, float]:
    open_below = float((label == 0).mean()) >= miss / 2
    tail = miss if open_below else miss / 2
    high = _conformal_quantile(residual, 1.0 - tail)
    return (None if open_below else -_conformal_quantile(-residual, 1.0 - tail)), high


def _conformal_quantile(scores: Floats, share: float) -> float:
    """The ⌈(n+1)·share⌉-th smallest score; beyond the last there is no bound to give."""
    rank = int(np.ceil((scores.size + 1) * share))
    if rank > scores.size:
        raise BadInput(f"{scores.size} rows cannot bound a share of {share:.3f}")
    return float(np.partition(scores, rank - 1)[rank - 1])


def coverage_by_bin(
    label: ArrayLike, predicted: ArrayLike, intervals: MondrianIntervals
) -> list[dict[str, float]]:
    """Per bin: rows, share of zeros, share of labels inside, mean width."""
    y, p = np.asarray(label, dtype=float), np.asarray(predicted, dtype=float)
    low, high = intervals.interval(p)
    inside = (low <= y) & (y <= high)
    at = intervals.bins(p)
    return [
        {
            "bin": float(b),
            "rows": float(mine.sum()),
            "zeros": float((y[mine] == 0).mean()),
            "coverage": float(inside[mine].mean()),
            "width": float((high - low)[mine].mean()),
        }
        for b in range(len(intervals.above))
        if (mine := at == b).any()
    ]
