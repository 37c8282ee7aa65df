"""From rows to a verdict: the split first, then every metric, then what may be said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scipy.stats import chi2_contingency, norm

from vibrator.checks import require_positive
from vibrator.errors import BadInput, UnknownName
from vibrator.experiments.conclusions import decide, says, warnings
from vibrator.experiments.design import Experiment, Metric
from vibrator.experiments.estimators import (
    Columns,
    Readings,
    arms,
    counted,
    estimate,
    grouped,
    readings,
)
from vibrator.experiments.verdict import Finding, Verdict
from vibrator.stats.bayes import normal_belief
from vibrator.stats.intervals import Interval
from vibrator.stats.multiplicity import adjust
from vibrator.stats.power import detectable
from vibrator.stats.ratios import ALARM, sample_ratio
from vibrator.stats.schedule import SMALLEST, Schedule
from vibrator.stats.sequential import asymptotic_half_width, best_rho2
from vibrator.stats.shrinkage import Population, given_significant
from vibrator.stats.tests import Effect

ALWAYS_VALID_FROM = 20  # units an arm: below, a mean is too far from normal for the sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How much error is allowed, and how it is shared.

    Goals are adjusted by `goals` (any wrong claim counts), secondary metrics by `secondary` (the
    share of wrong claims counts); guardrails answer one by one, since all of them have to hold.
    `past` are the effects that experiments like this usually have; `tuned_for` the units at which
    the always-valid interval is narrowest.
    """

    alpha: float = 0.05
    power: float = 0.8
    goals: str = "holm"
    secondary: str = "bh"
    past: Population | None = None
    tuned_for: int = 1000

    def __post_init__(self) -> None:
        for name in ("alpha", "power"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} must lie between 0 and 1, got {getattr(self, name)!r}")
        require_positive("tuned_for", self.tuned_for)
        for method in (self.goals, self.secondary):
            adjust([0.5], method=method)  # refuses a name it does not know


def analyze(
    experiment: Experiment,
    frame: Any,
    *,
    columns: Columns = Columns(),  # noqa: B008  # a frozen value
    rules: Rules = Rules(),
) -> Verdict:
    """The verdict on a table with one row a unit (or half a pair) and a column a metric.

    `experiment.looked` are the looks before this one; where this one stands follows from the
    number of units and the plan.
    """
    if not experiment.metrics:
        raise BadInput(f"the experiment {experiment.id!r} has no metrics to read")
    rows = arms(frame, experiment, columns)
    groups = grouped(frame, rows, experiment, columns)
    units = counted(rows, None if experiment.mode == "paired" else groups)
    needed = max(experiment.min_items, 2)
    schedule = schedule_of(experiment, max(sum(units.values()), 1))
    verdict = Verdict(
        experiment_id=experiment.id,
        state="too few",
        units=units,
        split=sample_ratio(list(units.values()) if sum(units.values()) else experiment.shares(),
                           experiment.shares(), looks=experiment.looks),
        schedule=schedule,
        must_not=(f"Read nothing yet: {needed} units a variant are needed, got {units}.",),
    )  # fmt: skip
    if verdict.split.severity == "alarm":
        planned = [round(share, 4) for share in experiment.shares()]
        words = (
            f"Read nothing: {units} arrived where the plan was {planned}. If the weights changed "
            "on the way, judge every period with the weights it had."
        )
        return replace(verdict, state="invalid", must_not=(words,))
    if min(units.values()) < needed:
        return verdict
    tables, unread = _load(frame, rows, experiment, groups)
    findings, notes = _read(_Reader(experiment, schedule, rules), tables)
    state, winner = decide(experiment, findings, schedule)
    told = replace(verdict, state=state, winner=winner, findings=findings)
    beware = warnings(experiment, told, alpha=rules.alpha)
    return replace(told, must_not=(*unread, *notes, *beware))


def schedule_of(experiment: Experiment, units: int) -> Schedule:
    """The looks so far and this one; units beyond the plan do not make more than all of it."""
    if experiment.planned is None:
        return Schedule()
    now = min(units / experiment.planned, 1.0)
    return Schedule((*(look for look in experiment.looked if look < now), now), experiment.looks)


Table = dict[str, Readings]  # one metric, by variant


def _load(
    frame: Any, rows: Mapping[str, Any], experiment: Experiment, groups: Any
) -> tuple[dict[str, Table], list[str]]:
    """The metrics that can be read, and why the others cannot; if none can, that is an error."""
    tables: dict[str, Table] = {}
    errors: list[BadInput | UnknownName] = []
    for metric in experiment.metrics:
        try:
            tables[metric.name] = readings(frame, rows, metric, groups)
        except (BadInput, UnknownName) as error:
            errors.append(error)
    if not tables:
        raise errors[0]
    named = [metric.name for metric in experiment.metrics if metric.name not in tables]
    notes = [_silence(name, str(error)) for name, error in zip(named, errors, strict=True)]
    return tables, notes


def _read(
    reader: _Reader, tables: Mapping[str, Table]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """All findings, adjusted for one another, and what went missing on the way."""
    findings, notes = [], []
    metrics = {metric.name: metric for metric in reader.experiment.metrics}
    for name, table in tables.items():
        control, *challengers = table.items()
        notes += _uneven_loss(metrics[name], table)
        for variant, treatment in challengers:
            try:
                findings.append(reader.find(metrics[name], variant, (control[1], treatment)))
            except BadInput as error:
                notes.append(_silence(f"{name} of {variant!r}", str(error)))
    alpha = reader.rules.alpha
    adjusted = _adjusted(findings, reader.rules)
    return tuple(replace(f, says=says(metrics[f.metric], f, alpha=alpha)) for f in adjusted), tuple(
        notes
    )


def _silence(what: str, why: str) -> str:
    return f"Conclude nothing about {what}: {why}."


class _Reader:
    """Turns two arms into a finding, at the level that this look of the plan allows."""

    def __init__(self, experiment: Experiment, schedule: Schedule, rules: Rules) -> None:
        self.experiment, self.schedule, self.rules = experiment, schedule, rules
        spent = max(2 * float(norm.sf(schedule.bound(rules.alpha))), SMALLEST)
        self.level = 1.0 - spent
        self.rho2 = best_rho2(rules.tuned_for, alpha=rules.alpha)

    def find(self, metric: Metric, variant: str, pair: tuple[Readings, Readings]) -> Finding:
        if min(map(len, pair)) < 2:
            raise BadInput(f"it was measured {[len(arm) for arm in pair]} times")
        effect = estimate(self.experiment, metric, pair, level=self.level)
        if not (math.isfinite(effect.difference) and 0 < effect.se < math.inf):
            raise BadInput("its error cannot be estimated")
        belief = normal_belief(effect.difference, effect.se, prior_sd=_sd_of_one(effect, pair))
        return Finding(
            metric=metric.name,
            role=metric.role,
            variant=variant,
            method=effect.method,
            control=effect.control,
            treatment=effect.treatment,
            difference=effect.difference,
            se=effect.se,
            interval=effect.interval,
            always_valid=self._always_valid(effect, pair),
            relative=effect.relative,
            pvalue=self._pvalue(effect),
            stopped_pvalue=self._stopped_pvalue(effect),
            better=belief.better if metric.increase else 1 - belief.better,
            expected=self._expected(effect),
            detectable=detectable(2, sd=effect.se, alpha=self.rules.alpha, power=self.rules.power),
            missing=sum(arm.missing for arm in pair),
        )

    def _pvalue(self, effect: Effect) -> float:
        return effect.pvalue if self._fixed else self.schedule.pvalue(_z(effect))

    def _stopped_pvalue(self, effect: Effect) -> float:
        if self._fixed:
            return effect.pvalue
        return self.schedule.stopped_pvalue(_z(effect), alpha=self.rules.alpha)

    @property
    def _fixed(self) -> bool:
        """One look at everything: the test's own p-value is the p-value."""
        return self.schedule.looked == (1.0,)

    def _always_valid(self, effect: Effect, pair: tuple[Readings, Readings]) -> Interval:
        """The error per unit is what the sequence calls sd; too few units say nothing yet."""
        if min(arm.units for arm in pair) < ALWAYS_VALID_FROM:
            return Interval(-math.inf, math.inf)
        units = sum(arm.units for arm in pair)
        per_unit = effect.se * math.sqrt(units)
        half = float(asymptotic_half_width(per_unit, units, rho2=self.rho2, alpha=self.rules.alpha))
        return Interval(-half, half).shift(effect.difference)

    def _expected(self, effect: Effect) -> float:
        if self.rules.past is not None:
            return self.rules.past.shrink(effect.difference, effect.se)[0]
        critical = float(norm.isf((1 - self.level) / 2))
        return given_significant(effect.difference, effect.se, critical=critical)


def _sd_of_one(effect: Effect, pair: tuple[Readings, Readings]) -> float:
    """One unit's sd in the unit of the effect, se·√(nm/(n+m)): a prior worth a unit an arm.

    The prior expects effects of the size of differences between units, whatever is measured.
    """
    n, m = (arm.units for arm in pair)
    return effect.se * math.sqrt(n * m / (n + m))


def _z(effect: Effect) -> float:
    """The normal quantile of a test's p-value, whatever law the test follows."""
    return float(norm.isf(max(effect.pvalue, 1e-300) / 2))


def _adjusted(findings: list[Finding], rules: Rules) -> list[Finding]:
    """Goals among goals, secondary among secondary, guardrails each for itself."""
    methods = {"goal": rules.goals, "secondary": rules.secondary}
    adjusted = {id(finding): finding.pvalue for finding in findings}
    for role, method in methods.items():
        family = [finding for finding in findings if finding.role == role]
        values = adjust([finding.pvalue for finding in family], method=method)
        adjusted |= {id(f): float(value) for f, value in zip(family, values, strict=True)}
    return [replace(finding, adjusted=adjusted[id(finding)]) for finding in findings]


def _uneven_loss(metric: Metric, rows: Mapping[str, Readings]) -> list[str]:
    """A warning where arms lose their measurements in different shares."""
    lost = [arm.missing for arm in rows.values()]
    if not any(lost) or not any(map(len, rows.values())):
        return []
    counts = [[len(arm) for arm in rows.values()], lost]
    if chi2_contingency(counts).pvalue >= ALARM:
        return []
    named = dict(zip(rows, lost, strict=True))
    return [f"Trust no effect on {metric.name}: its arms lost different shares, {named} rows."]
