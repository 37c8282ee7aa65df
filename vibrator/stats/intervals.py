"""Intervals: the value itself, and the ones for shares and quantiles that have closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from vibrator.checks import require_share
from vibrator.errors import BadInput
from vibrator.stats.aggregates import Sample, numbers
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Interval(Row):
    """From low to high.

    >>> 0.0 in Interval(-1.0, 2.0), Interval(-1.0, 2.0).width
    (True, 3.0)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise BadInput(f"an interval rises from low to high, got [{self.low}, {self.high}]")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low

    def shift(self, by: float) -> Interval:
        """The same interval elsewhere."""
        return Interval(self.low + by, self.high + by)


def z_of(level: float) -> float:
    """The two-sided normal quantile of a confidence level.

    >>> round(z_of(0.95), 4)
    1.96
    """
    if not 0.0 < require_share("level", level) < 1.0:
        raise BadInput(f"level must lie between 0 and 1, got {level!r}")
    return float(norm.isf((1 - level) / 2))


def share_of(successes: float, count: float) -> float:
    """Successes over count, checked."""
    if not count > 0 or not 0 <= successes <= count:
        raise BadInput(f"successes must lie from 0 to the count, got {successes} of {count}")
    return successes / count


def wilson(successes: float, count: float, *, level: float = 0.95) -> Interval:
    """The score interval of a share: never outside [0, 1], never of width zero.

    >>> print(wilson(0, 10))
    low 0  high 0.2775
    """
    share, z = share_of(successes, count), z_of(level)
    shrink = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == count else centre + half
    return Interval(low, high)


def newcombe(
    control: tuple[float, float], treatment: tuple[float, float], *, level: float = 0.95
) -> Interval:
    """The interval of a difference of shares, (successes, count) each, from two Wilson ones."""
    p, q = share_of(*control), share_of(*treatment)
    at_p, at_q = wilson(*control, level=level), wilson(*treatment, level=level)
    return Interval(
        q - p - math.hypot(q - at_q.low, at_p.high - p),
        q - p + math.hypot(at_q.high - q, p - at_p.low),
    )


def quantile_sample(values: ArrayLike, quantile: float, *, level: float = 0.95) -> Sample:
    """A quantile as a summary that tests take, its error from the order statistics around it.

    The binomial interval of ranks around the quantile is read back as a standard error, so no
    density has to be estimated.

    >>> quantile_sample(range(1, 1000), 0.5).mean
    500.0
    """
    if not 0.0 < require_share("quantile", quantile) < 1.0:
        raise BadInput(f"quantile must lie between 0 and 1, got {quantile!r}")
    ordered = np.sort(numbers("values", values))
    count = len(ordered)
    spread = z_of(level) * math.sqrt(count * quantile * (1 - quantile))
    low, high = math.floor(count * quantile - spread), math.ceil(count * quantile + spread)
    if low < 1 or high > count:
        raise BadInput(f"the {quantile} quantile needs more than {count} values for an interval")
    z_reached = (high - low) / (2 * math.sqrt(count * quantile * (1 - quantile)))
    se = (ordered[high - 1] - ordered[low - 1]) / (2 * z_reached)
    return Sample(float(np.quantile(ordered, quantile)), float(se * se * count), count)
