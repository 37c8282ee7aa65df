"""What an analysis found, and what must not be concluded from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from vibrator.stats.intervals import Interval
from vibrator.stats.ratios import SampleRatio
from vibrator.stats.rows import Row, table
from vibrator.stats.schedule import Schedule

STATES = {
    "invalid": "the units did not arrive in the planned shares, so nothing may be read",
    "too few": "there are not enough units yet",
    "undecided": "no look so far allows to stop",
    "unread": "no goal could be read, so nothing was found, not even that there is nothing",
    "winner": "one variant is better than the control, and no guardrail speaks against it",
    "control": "every challenger is worse than the control",
    "harmful": "every challenger harms a guardrail beyond its margin",
    "blocked": "a challenger is better on the goal, but a guardrail is not shown harmless",
    "equivalent": "no difference that anybody would mind",
    "no difference": "no detectable difference",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Row):
    """One metric in one arm against the control.

    `interval` belongs to this look of the plan, `always_valid` to any moment; `pvalue` is adjusted
    for the looks and `adjusted` for other metrics and arms too; `stopped_pvalue` is the one to
    report if the experiment ends here. `better` is the probability that the arm is better,
    `expected` what to expect when it is measured again, `detectable` what these units could find.
    """

    metric: str
    role: str
    variant: str
    method: str
    control: float
    treatment: float
    difference: float
    se: float
    interval: Interval
    always_valid: Interval
    relative: Interval | None
    pvalue: float
    stopped_pvalue: float
    better: float
    expected: float
    detectable: float
    missing: int
    adjusted: float = math.nan
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of an experiment: `winner` is computed, and None unless one was found."""

    experiment_id: str
    state: str
    winner: str | None = None
    units: dict[str, int]
    split: SampleRatio
    schedule: Schedule
    findings: tuple[Finding, ...] = ()
    must_not: tuple[str, ...] = ()

    @property
    def look(self) -> float:
        """The share of the planned units that is in."""
        return self.schedule.looked[-1]

    @property
    def final(self) -> bool:
        """Whether this is the last look of the plan."""
        return self.schedule.final

    @property
    def decided(self) -> bool:
        """Whether the experiment may end here."""
        return self.state not in ("invalid", "too few", "undecided", "unread")

    def finding(self, metric: str, variant: str) -> Finding:
        """One finding by its names."""
        return next(f for f in self.findings if (f.metric, f.variant) == (metric, variant))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not finite becomes None."""
        return {
            "experiment_id": self.experiment_id,
            "state": self.state,
            "winner": self.winner,
            "units": dict(self.units),
            "split": {**self.split.row(), "severity": self.split.severity},
            "look": self.look,
            "final": self.final,
            "findings": [_finite(finding.row()) for finding in self.findings],
            "must_not": list(self.must_not),
        }

    def __str__(self) -> str:
        shown = ("metric", "variant", "difference", "interval_low", "interval_high", "adjusted",
                 "better", "says")  # fmt: skip
        rows = [{name: finding.row()[name] for name in shown} for finding in self.findings]
        won = f", winner {self.winner}" if self.winner else ""
        lines = [f"{self.experiment_id}: {self.state}{won} ({STATES[self.state]})", table(rows)]
        return "\n".join([*filter(None, lines), *(f"- {words}" for words in self.must_not)])


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
