"""What a ledger has in common at its top and at its bottom, and how sure one may be of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t

from vibrator.checks import require_text
from vibrator.errors import BadInput
from vibrator.experiments.ledger import Ledger, Record
from vibrator.stats.aggregates import Sample
from vibrator.stats.intervals import Interval
from vibrator.stats.rows import Row
from vibrator.stats.tests import welch


@dataclass(frozen=True, slots=True)
class Feature(Row):
    """A variant's share among the performers picked, and among all that were measured."""

    variable: str
    variant: str
    share: float
    usual: float


@dataclass(frozen=True, slots=True)
class Dimension(Row):
    """How much a metric varies: `dispersion` is the standard deviation over the mean's size.

    So metrics of different units can be compared; None where the mean is zero.
    """

    name: str
    count: int
    mean: float
    sd: float
    dispersion: float | None


@dataclass(frozen=True, slots=True)
class Pattern(Row):
    """The leading variant of a variable, how far it lies before the next one, and how sure that is.

    `probability` is a lower bound for being the best of all that were measured.
    """

    variable: str
    variant: str
    runner_up: str
    count: int
    mean: float
    lead: Interval
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult:
    """What `Analyzer.analyze` found; records without the primary metric were left out and counted.

    A winner that was only declared takes no part in any of it.
    """

    domain: str
    primary_metric: str
    total_records: int
    measured: int
    top_performers: tuple[Record, ...] = ()
    bottom_performers: tuple[Record, ...] = ()
    top_features: tuple[Feature, ...] = ()
    bottom_features: tuple[Feature, ...] = ()
    dimension_stats: tuple[Dimension, ...] = ()
    winning_patterns: tuple[Pattern, ...] = ()

    def pattern(self, variable: str) -> Pattern | None:
        """The winning pattern of one variable, if there is any."""
        return next((p for p in self.winning_patterns if p.variable == variable), None)


class Analyzer:
    """Reads a ledger for one primary metric, of which more is better."""

    def __init__(
        self, ledger: Ledger, primary_metric: str = "primary_metric", top_n: int = 5
    ) -> None:
        if top_n < 1:
            raise BadInput(f"top_n must be at least 1, got {top_n}")
        self.ledger = ledger
        self.primary_metric = require_text("primary_metric", primary_metric)
        self.top_n = top_n

    def analyze(self, domain: str | None = None) -> AnalysisResult:
        """Top and bottom, what they have in common, what varies and what wins."""
        records = self.ledger.query(domain)
        known = [(r.number(self.primary_metric), r) for r in records]
        measured = [(value, record) for value, record in known if value is not None]
        ranked = [r for _, r in sorted(measured, key=lambda pair: -pair[0])]
        top, bottom = ranked[: self.top_n], ranked[::-1][: self.top_n]
        return AnalysisResult(
            domain=domain or "all",
            primary_metric=self.primary_metric,
            total_records=len(records),
            measured=len(ranked),
            top_performers=tuple(top),
            bottom_performers=tuple(bottom),
            top_features=_features(top, ranked),
            bottom_features=_features(bottom, ranked),
            dimension_stats=_dimensions(records),
            winning_patterns=_patterns(measured),
        )


def _features(picked: Sequence[Record], everybody: Sequence[Record]) -> tuple[Feature, ...]:
    """Variants that are more common among the picked than usual, the most telling first."""
    here, usual = (Counter((r.variable, r.variant) for r in some) for some in (picked, everybody))
    found = [
        Feature(*name, count / len(picked), usual[name] / len(everybody))
        for name, count in here.items()
        if count / len(picked) > usual[name] / len(everybody)
    ]
    return tuple(sorted(found, key=lambda f: f.usual - f.share))


def _dimensions(records: Sequence[Record]) -> tuple[Dimension, ...]:
    """Every metric that was measured at least twice, the most dispersed first."""
    names = sorted({name for record in records for name in record.metric_values})
    found = []
    for name in names:
        values = [v for v in (record.number(name) for record in records) if v is not None]
        if len(values) >= 2:
            sample = Sample.of(values)
            sd = math.sqrt(sample.var)
            found.append(
                Dimension(
                    name,
                    len(values),
                    sample.mean,
                    sd,
                    sd / abs(sample.mean) if sample.mean else None,
                )
            )
    return tuple(sorted(found, key=lambda d: -(d.dispersion or 0.0)))


def _patterns(measured: Sequence[tuple[float, Record]]) -> tuple[Pattern, ...]:
    """The leader of every variable that has two variants with two values each."""
    values: dict[str, dict[str, list[float]]] = {}
    for value, record in measured:
        values.setdefault(record.variable, {}).setdefault(record.variant, []).append(value)
    found = []
    for variable, variants in sorted(values.items()):
        samples = {name: Sample.of(some) for name, some in variants.items() if len(some) >= 2}
        if len(samples) >= 2:
            found.append(_leader(variable, samples))
    return tuple(found)


def _leader(variable: str, samples: dict[str, Sample]) -> Pattern:
    order = sorted(samples, key=lambda name: -samples[name].mean)
    best, second = samples[order[0]], samples[order[1]]
    doubts = (_beats(samples[name], best) for name in order[1:])
    if best.se2 + second.se2 > 0:
        lead = welch(second, best).interval
    else:
        lead = Interval(best.mean - second.mean, best.mean - second.mean)
    return Pattern(
        variable, order[0], order[1], best.count, best.mean, lead, max(1.0 - sum(doubts), 0.0)
    )


def _beats(other: Sample, leader: Sample) -> float:
    """The one-sided p-value of Welch's test: how likely the other one is better, given no more."""
    if other.se2 + leader.se2 == 0:
        return 0.5 * (other.mean == leader.mean)
    effect = welch(other, leader)
    return float(t.sf(effect.statistic, effect.df))
