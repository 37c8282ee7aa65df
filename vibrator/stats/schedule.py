"""Where in its schedule of looks a test stands, and what it takes to stop there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile

from scipy.optimize import brentq
from scipy.stats import norm

from vibrator.errors import BadInput
from vibrator.stats.sequential import Looks, lan_demets, obrien_fleming

SMALLEST = 1e-12  # p-values below it are told as it
LARGEST = 0.9  # those above it as 1 where looks left the plan: beyond, bounds grow again


@dataclass(frozen=True, slots=True)
class Schedule:
    """The shares of information at all looks so far, the last one now, of so many planned.

    Looks on the equal steps of the plan take O'Brien-Fleming's bounds; from the first one off its
    step on they take those of Lan and DeMets, which share out the error that is left.

    >>> [round(Schedule(looked, planned=4).bound(0.05), 3) for looked in ((0.25,), (0.2,))]
    [4.049, 4.877]
    """

    looked: tuple[float, ...] = (1.0,)
    planned: int = 1

    def __post_init__(self) -> None:
        Looks(self.looked, self.looked)  # refuses shares that do not rise within (0, 1]
        if self.planned < 1:
            raise BadInput(f"planned must be at least 1, got {self.planned}")

    @property
    def final(self) -> bool:
        """Whether all information is in."""
        return self.looked[-1] == 1.0

    @property
    def on_plan(self) -> bool:
        """Whether every look so far stands on its step."""
        return self._on_steps == len(self.looked)

    @property
    def _on_steps(self) -> int:
        """How many looks there were before the first one off its step."""
        stands = (
            math.isclose(look, (place + 1) / self.planned, abs_tol=1e-9)
            for place, look in enumerate(self.looked)
        )
        return sum(takewhile(bool, stands))

    def bound(self, alpha: float) -> float:
        """The |z| that stops now."""
        return self.bounds(alpha)[-1]

    def bounds(self, alpha: float) -> tuple[float, ...]:
        """The |z| that stopped or stops at every look so far."""
        kept = obrien_fleming(self.planned, alpha=alpha).bounds[: self._on_steps]
        return lan_demets(self.looked, alpha=alpha, kept=kept).bounds

    def ahead(self, alpha: float) -> Looks:
        """What would stop at the looks that the plan still has, if they come on their steps."""
        steps = [(place + 1) / self.planned for place in range(self.planned)]
        left = [step for step in steps if step > self.looked[-1] + 1e-9]
        whole = Schedule((*self.looked, *left), self.planned)
        return Looks(whole.looked, whole.bounds(alpha))

    def stopped_pvalue(self, z: float, *, alpha: float) -> float:
        """The p-value of a test that stopped here: earlier stops count as more extreme.

        Stage-wise ordering (Jennison and Turnbull 2000, 8.4); it belongs to the conclusion, while
        `pvalue` may be compared with any alpha at any look.
        """
        walked = Looks(self.looked, (*self.bounds(alpha)[:-1], abs(z)))
        return min(sum(walked.stopping()), 1.0)

    def pvalue(self, z: float) -> float:
        """The smallest alpha at which this look stops: it may be adjusted like any p-value."""
        if self.looked == (1.0,):
            return float(2 * norm.sf(abs(z)))
        if self.on_plan:
            return self._planned_pvalue(abs(z))
        low, high = math.log(SMALLEST), math.log(LARGEST)

        def excess(log_alpha: float) -> float:
            return min(self.bound(math.exp(log_alpha)), 40.0) - abs(z)

        if excess(low) <= 0:
            return SMALLEST
        return math.exp(brentq(excess, low, high, xtol=1e-6)) if excess(high) <= 0 else 1.0

    def _planned_pvalue(self, z: float) -> float:
        """O'Brien-Fleming bounds are one scale times a shape: the scale reached here is z·√t."""
        steps = tuple((place + 1) / self.planned for place in range(self.planned))
        scale = z * math.sqrt(self.looked[-1])
        if scale < 1e-3:
            return 1.0
        bounds = tuple(scale / math.sqrt(step) for step in steps)
        return min(max(sum(Looks(steps, bounds).stopping()), SMALLEST), 1.0)
