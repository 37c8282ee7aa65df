"""The reliability curve: what happened, as a smooth function of what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.calibration.measures import calculate_brier_score, checked_pair
from vibrator.calibration.smooth import (
    GRID,
    NARROWEST,
    RESAMPLES,
    Cells,
    SmoothEce,
    cosine_waves,
    drawn_anew,
    error_interval,
    smoothed,
)
from vibrator.charts import Frame, Line, percent, reliability_diagram
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

POINTS = 129  # of the curve, every 64th node of the grid
BARS = 40
FEWEST_AROUND = 5.0  # rows within a kernel's reach below which the curve is not drawn


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityCurve:
    """Share that happened around each probability said, with its band and how often it was said."""

    said: Floats
    happened: Floats
    low: Floats
    high: Floats
    histogram: Floats
    smooth_ece: SmoothEce
    brier_score: float

    @classmethod
    def of(
        cls,
        probabilities: ArrayLike,
        outcomes: ArrayLike,
        *,
        rng: np.random.Generator,
        level: float = 0.95,
        resamples: int = RESAMPLES,
        groups: ArrayLike | None = None,
    ) -> ReliabilityCurve:
        """Smooth at the width of the smooth ECE; band and interval from the same resamples.

        `groups` says whose each row is: rows of one group are drawn together.
        """
        p, y = checked_pair(probabilities, outcomes)
        cells = Cells.of(p, y)
        group = None if groups is None else _numbered(groups, p.size)
        drawn = drawn_anew(cells, rng, level, resamples, group)
        error = error_interval(cells, drawn, level)
        width = max(error.value, NARROWEST)
        centre, crowd = _share_that_happened(cells, width)
        shares = [_share_that_happened(cells, width, times)[0] for times in drawn]
        low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2], axis=0)
        shown = crowd * p.size * 2 * width >= FEWEST_AROUND
        return cls(
            said=np.linspace(0, 1, POINTS)[shown],
            happened=centre[shown],
            low=low[shown],
            high=high[shown],
            histogram=np.histogram(p, BARS, (0, 1))[0].astype(np.float64),
            smooth_ece=error,
            brier_score=calculate_brier_score(p, y),
        )

    def to_svg(self, title: str = "Reliability", subtitle: str = "") -> str:
        """The picture: curve and band against the diagonal, and the histogram below."""
        ece = self.smooth_ece
        facts = (
            f"smooth ECE {ece.value:.3f} ({ece.low:.3f} to {ece.high:.3f})",
            f"Brier score {self.brier_score:.3f}",
        )
        frame = Frame(
            title,
            subtitle,
            x_label="probability said",
            y_label="share that happened",
            y_format=percent,
            width=440,
        )
        columns = (self.said, self.happened, self.low, self.high)
        curve = Line("The share that happened", *(column.tolist() for column in columns))
        return reliability_diagram(curve, self.histogram.tolist(), frame, facts)


def _numbered(groups: ArrayLike, rows: int) -> NDArray[np.intp]:
    """The place of each row's group among all groups."""
    named = np.asarray(groups)
    if named.shape != (rows,):
        raise BadInput(f"groups must name one for each of {rows} rows, got shape {named.shape}")
    return np.unique(named, return_inverse=True)[1]


def _share_that_happened(
    cells: Cells, width: float, times: Floats | float = 1.0
) -> tuple[Floats, Floats]:
    """Kernel regression of outcome on probability, and the density of probabilities."""
    rows, happened, _ = cells.masses(times)
    every = (GRID - 1) // (POINTS - 1)
    crowd = np.maximum(smoothed(cosine_waves(rows), width)[::every], np.finfo(float).tiny)
    up = smoothed(cosine_waves(happened), width)[::every]
    return np.clip(up / crowd, 0.0, 1.0), crowd
