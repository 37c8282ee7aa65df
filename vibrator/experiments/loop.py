"""Challenge, propose, assign, collect, analyze, conclude: one tick after another, resumable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count
from typing import Any

from vibrator.actions import utc_now
from vibrator.errors import BadInput, Refused, UnknownName
from vibrator.experiments.adapters.port import CLUSTER, PRIMARY, DomainAdapter, Exposing
from vibrator.experiments.analysis import Rules, analyze, schedule_of
from vibrator.experiments.assignment import Allocation
from vibrator.experiments.config import AdaptiveConfig
from vibrator.experiments.design import UNTESTED, Experiment, ExperimentState, Metric, Variant
from vibrator.experiments.estimators import Columns
from vibrator.experiments.hypothesis import HypothesisEngine
from vibrator.experiments.ledger import Ledger, Record
from vibrator.experiments.patterns import Analyzer
from vibrator.experiments.verdict import Verdict
from vibrator.stats.rows import Row

PAIR = "pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How every proposed experiment is to be measured and judged.

    A metric called "primary_metric" is the one that the settings name as theirs; where they name
    none, it is what the adapter calls so.
    """

    planned: int = 400
    looks: int = 4
    mode: str = "interleaved"
    min_items: int = 3
    metrics: tuple[Metric, ...] = (Metric(name=PRIMARY),)
    rules: Rules = Rules()  # noqa: RUF009  # a frozen value

    def of(self, candidate: Experiment, primary: str = PRIMARY) -> Experiment:
        """The candidate with this plan."""
        metrics = [replace(m, name=primary) if m.name == PRIMARY else m for m in self.metrics]
        return replace(
            candidate, planned=self.planned, looks=self.looks, mode=self.mode,
            min_items=self.min_items, metrics=tuple(metrics),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step(Row):
    """One thing a tick did, or in a dry run would have done."""

    stage: str
    experiment: str
    says: str


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick did and where the pipeline stands after it."""

    steps: tuple[Step, ...]
    state: ExperimentState
    verdicts: tuple[Verdict, ...] = ()


class Loop:
    """Drives one domain's experiments; all it knows is in the ledger, so it can stop anywhere.

    A tick keeps its state and its records in one transaction. Two loops on one domain at once do
    not mix: the later one is refused and may tick again.
    """

    def __init__(
        self,
        ledger: Ledger,
        adapter: DomainAdapter,
        engine: HypothesisEngine,
        *,
        config: AdaptiveConfig,
        plan: Plan = Plan(),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.ledger, self.adapter, self.engine = ledger, adapter, engine
        self.config, self.plan, self.clock = config, plan, clock

    @property
    def state(self) -> ExperimentState:
        """What runs, waits and was, as it was kept."""
        return load_state(self.ledger, self.config.domain)

    def showing(self, unit: str) -> dict[str, Variant]:
        """What a unit is to see now: the variant of every running experiment, by its id.

        Where an application decides for itself, this goes into the decision's context under
        "experiments" (the labels, by id), so that an adapter can read there who saw what.
        """
        return showing(self.state, unit)

    def tick(self, units: Sequence[str] = (), *, dry_run: bool = False) -> Tick:
        """Go once through all stages, new units (topics, people) taking part.

        An adapter that knows who saw what already, such as a decision log, brings its own units.
        A dry run collects and analyzes, asks no model, and keeps nothing.
        """
        if units and isinstance(self.adapter, Exposing):
            raise BadInput(
                f"units are not given here: {self.adapter.describe()} say who saw what, "
                f"got {len(units)}"
            )
        text, version = self.ledger.load_state(self.config.domain)
        work = _Work(self, ExperimentState.from_json(text) if text else ExperimentState())
        work.challenge()
        work.propose(asking=not dry_run)
        work.start()
        work.assign(units)
        work.collect()
        work.judge()
        if not dry_run:
            body = work.state.to_json()
            self.ledger.save_state(self.config.domain, body, version=version, records=work.records)
            self._remember(winners_of(work.state))
        return Tick(tuple(work.steps), work.state, tuple(work.verdicts))

    def _remember(self, winners: Mapping[str, str]) -> None:
        news = winners.items() - self.config.all_winner_hints().items()
        for variable, winner in sorted(news):
            self.config.set_winner_hint(variable, winner)


def winners_of(state: ExperimentState) -> dict[str, str]:
    """The latest winner that was found of every variable."""
    found = ((e.get("variable"), (e.get("outcome") or {}).get("winner")) for e in state.history)
    return {variable: winner for variable, winner in found if variable and winner}


def load_state(ledger: Ledger, domain: str) -> ExperimentState:
    """The kept pipeline of a domain, empty if there is none yet."""
    text, _ = ledger.load_state(domain)
    return ExperimentState.from_json(text) if text else ExperimentState()


def showing(state: ExperimentState, unit: str) -> dict[str, Variant]:
    """The variant of every running experiment that a unit is to see, by the experiment's id."""
    chosen = {e.id: Allocation.of(e).assign_one(unit) for e in state.current}
    return {e.id: arm for e in state.current for arm in e.variants if arm.label == chosen[e.id]}


def frame_of(records: Iterable[Record], experiment: Experiment) -> Any:
    """The records of an experiment as the table that `analyze` reads."""
    import pandas as pd

    names = sorted({column for metric in experiment.metrics for column in metric.columns})
    rows = [
        [
            record.variant,
            *(record.metric_values.get(mark) for mark in (PAIR, CLUSTER)),
            *(record.number(name) for name in names),
        ]
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=["variant", PAIR, CLUSTER, *names])
    return frame.astype(dict.fromkeys(names, float))


def verdict_on(experiment: Experiment, records: Iterable[Record], rules: Rules) -> Verdict:
    """The analysis of an experiment's records."""
    frame = frame_of(records, experiment)
    columns = Columns(
        pair=PAIR if experiment.mode == "paired" else None,
        cluster=CLUSTER if frame[CLUSTER].notna().any() else None,
    )
    return analyze(experiment, frame, columns=columns, rules=rules)


class _Work:
    """One tick in the making."""

    def __init__(self, loop: Loop, state: ExperimentState) -> None:
        self.loop, self.state = loop, state
        self.now = loop.clock()
        self.steps: list[Step] = []
        self.records: list[Record] = []
        self.verdicts: list[Verdict] = []

    def say(self, stage: str, experiment: Experiment | None, words: str) -> None:
        self.steps.append(Step(stage, experiment.id if experiment else "-", words))

    def challenge(self) -> None:
        """Ideas from before a winner was found make way for ones that challenge it."""
        for waiting in self.state.queue:
            winner = winners_of(self.state).get(waiting.variable)
            if winner not in (None, waiting.control.label):
                reason = f"{winner} leads {waiting.variable} now"
                self.state = self.state.abandon(waiting.id, at=self.now, reason=reason)
                self.say("challenge", waiting, reason)

    def propose(self, *, asking: bool) -> None:
        """New candidates, when nothing runs and nothing waits."""
        if self.state.current or self.state.queue:
            return
        if not asking and self.loop.engine.model is not None:
            self.say("propose", None, "would ask the model")
            return
        candidates = self._candidates()
        for candidate in map(self._renamed, candidates):
            planned = self.loop.plan.of(candidate, self.loop.config.primary_metric)
            self.state = self.state.enqueue(planned)
            arms = " against ".join(candidate.labels)
            self.say("propose", candidate, f"{candidate.variable}: {arms} ({candidate.rationale})")
            if candidate.tier == UNTESTED:
                reason = "tier 3 needs no test"
                self.state = self.state.abandon(candidate.id, at=self.now, reason=reason)
        if not candidates:
            self.say("propose", None, "nothing is left to try")

    def _renamed(self, candidate: Experiment) -> Experiment:
        """An idea that comes back gets an id of its own: its old records stay its old records."""
        taken = {entry.get("id") for entry in self.state.history}
        names = chain([candidate.id], (f"{candidate.id}-{again}" for again in count(2)))
        domain, ledger = candidate.domain, self.loop.ledger
        free = (n for n in names if n not in taken and not ledger.query(domain, experiment_id=n))
        return replace(candidate, id=next(free))

    def _candidates(self) -> list[Experiment]:
        loop, domain = self.loop, self.loop.config.domain
        loop.engine.history, loop.engine.hints = self.state.history, loop.config.all_winner_hints()
        analysis = Analyzer(loop.ledger, loop.config.primary_metric).analyze(domain)
        top, bottom = (
            [{"id": r.metric_values.get("item_id"), r.variable: r.variant, **r.metric_values}
             for r in some]
            for some in (analysis.top_performers, analysis.bottom_performers)
        )  # fmt: skip
        return loop.engine.generate(domain, analysis, loop.adapter.format_context(top, bottom))

    def start(self) -> None:
        """Whatever the tiers allow to run."""
        for experiment in self.state.queue:
            if self.state.may_start(experiment):
                self.state = self.state.start(experiment.id, at=self.now)
                self.say("start", experiment, f"{experiment.variable}, tier {experiment.tier}")

    def assign(self, units: Sequence[str]) -> None:
        """New units become items of every running experiment; known ones stay as they are."""
        for experiment in self.state.current:
            if isinstance(self.loop.adapter, Exposing):
                items = self._exposed(experiment, self.loop.adapter)
            else:
                known = {item.get(PAIR, item["item_id"]) for item in experiment.items}
                items = _items(experiment, [u for u in dict.fromkeys(units) if u not in known])
            if items:
                self.state = self.state.change(
                    replace(experiment, items=(*experiment.items, *items))
                )
                self.say("assign", experiment, f"{len(items)} items")

    def _exposed(self, experiment: Experiment, adapter: Exposing) -> list[dict[str, Any]]:
        """What was shown since the last tick; of whoever saw two variants, the first one counts."""
        first = {item.get(CLUSTER): item["variant"] for item in experiment.items}
        known = {item["item_id"] for item in experiment.items}
        items, strange, crossed = [], 0, 0
        for item in _as_known(adapter.exposed(experiment.id), experiment.items):
            if item["variant"] not in experiment.labels:
                strange += 1
            elif first.setdefault(item[CLUSTER], item["variant"]) != item["variant"]:
                crossed += 1
            elif item["item_id"] not in known:
                items.append(item)
        if strange:
            self.say("assign", experiment, f"{strange} left out: of no variant that it has")
        if crossed:
            self.say("assign", experiment, f"{crossed} left out: theirs saw another variant first")
        return items

    def collect(self) -> None:
        """What can be measured of the items that were not measured yet."""
        for experiment in self.state.current:
            waiting = [i["item_id"] for i in experiment.items if not i.get("measured")]
            values = self._measured(experiment, waiting) if waiting else {}
            items = tuple(
                {**item, "measured": True} if item["item_id"] in values else item
                for item in experiment.items
            )
            fresh = [
                self._record(experiment, item, values[item["item_id"]])
                for item in experiment.items
                if item["item_id"] in values and not item.get("measured")
            ]
            self.records += fresh
            self.state = self.state.change(replace(experiment, items=items))
            if waiting:
                self.say("collect", experiment, f"{len(fresh)} of {len(waiting)} items measured")
        self._require_one_world()

    def _require_one_world(self) -> None:
        """What was measured and what was made up never stand in one domain."""
        domain = self.loop.config.domain
        records = [*self.loop.ledger.query(domain), *self.records] if self.records else []
        if len({r.metric_values.get("simulated") is True for r in records}) > 1:
            raise Refused(
                f"measured and simulated items would mix in the domain {domain!r}: "
                "take another domain or another ledger"
            )

    def _measured(
        self, experiment: Experiment, waiting: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """The values of every item of which all goals are known."""
        adapter, told = self.loop.adapter, {}
        for row in adapter.collect_metrics(waiting):
            signals = adapter.get_signals([row])
            told[row["id"]] = {
                **signals["secondary_metrics"],
                PRIMARY: signals[PRIMARY],
                "simulated": bool(signals.get("simulated")),
            }
        goals = [c for m in experiment.metrics if m.role == "goal" for c in m.columns]
        for name in goals:
            if told and not any(name in values for values in told.values()):
                known = sorted({n for values in told.values() for n in values} - {"simulated"})
                raise UnknownName(
                    f"{experiment.id} is judged by {name!r}, which is not measured; there are "
                    f"{known} ({adapter.describe()})"
                )
        return {
            item: values
            for item, values in told.items()
            if all(values.get(name) is not None for name in goals)
        }

    def _record(
        self, experiment: Experiment, item: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Record:
        marks = {mark: item[mark] for mark in ("item_id", PAIR, CLUSTER) if mark in item}
        return Record(
            domain=experiment.domain,
            experiment_id=experiment.id,
            variable=experiment.variable,
            variant=item["variant"],
            metric_values={**values, **marks},
            timestamp=self.now.isoformat(),
        )

    def judge(self) -> None:
        """Look where a look is due, and conclude where the verdict allows it."""
        for experiment in self.state.current:
            records = [
                *self.loop.ledger.query(experiment.domain, experiment_id=experiment.id),
                *(r for r in self.records if r.experiment_id == experiment.id),
            ]
            if not _due(experiment, _units(records)):
                continue
            verdict = verdict_on(experiment, records, self.loop.plan.rules)
            self.verdicts.append(verdict)
            self.say("analyze", experiment, f"look at {verdict.look:.0%}: {verdict.state}")
            if verdict.state == "invalid" or (verdict.state == "unread" and verdict.final):
                reason = verdict.must_not[0]
                self.state = self.state.abandon(experiment.id, at=self.now, reason=reason)
            elif verdict.decided:
                self._conclude(experiment, verdict)
            elif verdict.state != "too few":
                looked = (*experiment.looked, verdict.look)
                self.state = self.state.change(replace(experiment, looked=looked))

    def _conclude(self, experiment: Experiment, verdict: Verdict) -> None:
        self.state = self.state.conclude(experiment.id, at=self.now, outcome=verdict.to_dict())
        won = f", {verdict.winner} won" if verdict.winner else ""
        self.say("conclude", experiment, f"{verdict.state}{won}")


def _as_known(
    exposed: Sequence[Mapping[str, Any]], items: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What was shown, to people under the names that their earlier items have."""
    kept = {item["item_id"]: item.get(CLUSTER) for item in items}
    names: dict[Any, Any] = {}
    for item in exposed:
        if item["item_id"] in kept:
            names.setdefault(item[CLUSTER], kept[item["item_id"]])
    return [{**item, CLUSTER: names.get(item[CLUSTER], item[CLUSTER])} for item in exposed]


def _items(experiment: Experiment, units: Sequence[str]) -> list[dict[str, Any]]:
    """One item a unit, or where units are paired one of every variant."""
    if experiment.mode == "paired":
        return [
            {"item_id": f"{unit}/{label}", "variant": label, PAIR: unit}
            for unit in units
            for label in experiment.labels
        ]
    variants = Allocation.of(experiment).assign(units)
    return [
        {"item_id": unit, "variant": variant} for unit, variant in zip(units, variants, strict=True)
    ]


def _units(records: Sequence[Record]) -> int:
    """How many rows, or people where rows come from people, were measured."""
    whose = [r.metric_values.get(CLUSTER, place) for place, r in enumerate(records)]
    return len(set(whose))


def _due(experiment: Experiment, measured: int) -> bool:
    """Whether the next planned look has come."""
    if experiment.planned is None:
        raise BadInput(f"{experiment.id!r} has no plan: a loop needs the units at its last look")
    if measured == 0:
        return False
    reached = schedule_of(experiment, measured).looked[-1]
    passed = math.floor(experiment.looked[-1] * experiment.looks) if experiment.looked else 0
    return reached * experiment.looks >= passed + 1
