"""Smooth ECE: calibration error after Gaussian smoothing at the width that the data choose.

Błasiok and Nakkiran (2024): smECE_σ = ∫₀¹ |E[(y − p) K_σ(p, t)]| dt with the Gaussian kernel K_σ
reflected at 0 and 1, taken at the one σ with smECE_σ = σ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.calibration.measures import checked_pair
from vibrator.checks import require_count, require_share
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

GRID = 8193  # nodes on [0, 1]; the cosine transform is fastest one above a power of two
NARROWEST = 6 / (GRID - 1)  # width below which the grid no longer resolves the kernel
SILENT = 9.0  # πkσ from which a wave is faded by more than 10⁻¹⁷, and left out
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class SmoothEce:
    """The error, which is also its kernel's width, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows gathered by grid cell and outcome: all that smoothing and resampling have to know."""

    place: NDArray[np.intp]
    counts: NDArray[np.intp]
    outcome: Floats
    of_row: NDArray[np.intp]  # the cell of each row
    left: Floats  # mass that the rows of a cell put on the node to their left
    left_said: Floats  # the same mass times what the rows said
    said: Floats

    @classmethod
    def of(cls, p: Floats, y: Floats) -> Cells:
        """Each row shares itself between the two nodes around it."""
        at = p * (GRID - 1)
        cell = np.minimum(at.astype(np.intp), GRID - 2)
        share = 1.0 - (at - cell)
        keys, group = np.unique(2 * cell + y.astype(np.intp), return_inverse=True)
        sums = [np.bincount(group, v).astype(np.float64) for v in (share, share * p, p)]
        happened = (keys % 2).astype(np.float64)
        return cls(keys // 2, np.bincount(group), happened, group, *sums)

    def resampled(self, rng: np.random.Generator) -> Floats:
        """How often each cell comes, relative to how often it came, when rows are drawn anew."""
        total = int(self.counts.sum())
        return np.asarray(rng.multinomial(total, self.counts / total) / self.counts)

    def resampled_by(self, group: NDArray[np.intp], rng: np.random.Generator) -> Floats:
        """The same when groups, numbered from 0, are drawn with all their rows."""
        groups = int(group.max()) + 1
        times = rng.multinomial(groups, np.full(groups, 1.0 / groups))[group]
        share = self.counts.sum() / times.sum()  # as many rows as there were
        return np.asarray(share * np.bincount(self.of_row, times) / self.counts)

    def masses(self, times: Floats | float = 1.0) -> tuple[Floats, Floats, Floats]:
        """On every node: rows, outcomes, and outcomes less what was said; each over all rows."""
        right, right_said = self.counts - self.left, self.said - self.left_said
        rows = self._on_nodes(self.left * times, right * times)
        happened = self._on_nodes(self.left * self.outcome * times, right * self.outcome * times)
        said = self._on_nodes(self.left_said * times, right_said * times)
        return rows, happened, happened - said

    def _on_nodes(self, left: Floats, right: Floats) -> Floats:
        nodes = np.bincount(self.place, left, GRID) + np.bincount(self.place + 1, right, GRID)
        return np.asarray(nodes / self.counts.sum())


def calculate_smooth_ece(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Smooth ECE from 0 (what is said is what happens) to 1; no bins, nothing to choose.

    >>> round(calculate_smooth_ece([0.5] * 4, [1, 1, 1, 0]), 6)
    0.25
    """
    return fixed_point(Cells.of(*checked_pair(probabilities, outcomes)).masses()[2])


def smooth_ece_interval(
    probabilities: ArrayLike,
    outcomes: ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> SmoothEce:
    """Smooth ECE with its bootstrap interval."""
    cells = Cells.of(*checked_pair(probabilities, outcomes))
    return error_interval(cells, drawn_anew(cells, rng, level, resamples), level)


def drawn_anew(
    cells: Cells,
    rng: np.random.Generator,
    level: float,
    resamples: int,
    group: NDArray[np.intp] | None = None,
) -> list[Floats]:
    """Resamples enough for an interval at a level: of rows, or of groups of rows."""
    require_share("level", level)
    given: object = rng
    if not isinstance(given, np.random.Generator):
        raise BadInput(f"rng must be a numpy.random.Generator, got {given!r}")
    times = range(require_count("resamples", resamples))
    if group is None:
        return [cells.resampled(rng) for _ in times]
    return [cells.resampled_by(group, rng) for _ in times]


def error_interval(cells: Cells, drawn: Sequence[Floats], level: float) -> SmoothEce:
    """The error, give or take how far the smoothed gaps of resamples lie from those at hand.

    An error is a length, so two differ by no more than the length of their difference; and as
    the error falls while σ grows, the fixed points differ by no more than that either. Unlike
    percentiles of resampled errors, which noise pushes up, this holds for errors near 0 too.
    An error cannot be negative, so the interval begins at 0 at the lowest.
    """
    gaps = cells.masses()[2]
    value = fixed_point(gaps)
    width = max(value, NARROWEST)
    apart = [smoothed_error(cosine_waves(cells.masses(t)[2] - gaps), width) for t in drawn]
    reach = float(np.quantile(apart, level))
    return SmoothEce(value, max(0.0, value - reach), value + reach)


def fixed_point(gaps: Floats) -> float:
    """The width σ at which the smoothed error equals σ; the error falls as σ grows."""
    from scipy.optimize import brentq

    waves = cosine_waves(gaps)

    def excess(width: float) -> float:
        return smoothed_error(waves, width) - width

    if excess(NARROWEST) <= 0:  # finer than the grid: the error itself, which is below the width
        return smoothed_error(waves, NARROWEST)
    return float(brentq(excess, NARROWEST, 1.0, xtol=1e-7)) if excess(1.0) < 0 else 1.0


def smoothed_error(waves: Floats, width: float) -> float:
    """∫₀¹ |smoothed gaps|, by the trapezoid rule."""
    height = np.abs(smoothed(waves, width))
    return float((height.sum() - (height[0] + height[-1]) / 2) / (GRID - 1))


def cosine_waves(masses: Floats) -> Floats:
    """Σ mass · cos(πkt) for every k: reflection at both ends is what cosines do by themselves."""
    from scipy.fft import dct

    doubled = masses.copy()
    doubled[[0, -1]] *= 2
    return np.asarray(dct(doubled, type=1) / 2)


def smoothed(waves: Floats, width: float) -> Floats:
    """The masses blurred by the reflected Gaussian: each wave fades by exp(−(πkσ)²/2)."""
    from scipy.fft import dct

    heard = min(GRID, math.ceil(SILENT / (np.pi * width)))
    faded = np.zeros(GRID)
    faded[:heard] = waves[:heard] * np.exp(-((np.pi * width * np.arange(heard)) ** 2) / 2)
    return np.asarray(dct(faded, type=1))
