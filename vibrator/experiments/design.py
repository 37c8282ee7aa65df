"""What is tried against what: variants, metrics with roles, experiments and their queue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from vibrator.checks import (
    read_or_refused,
    require_aware,
    require_finite,
    require_positive,
    require_text,
)
from vibrator.errors import BadInput, Refused, UnknownName

MODES = ("interleaved", "paired")
STATUSES = ("pending", "active", "concluded", "abandoned")
ROLES = ("goal", "secondary", "guardrail")
KINDS = ("mean", "share", "ratio", "quantile", "rank")
ALONE, BESIDE, UNTESTED = 1, 2, 3  # tiers: runs alone, runs beside other 2s, needs no test
FEWEST_ITEMS = 3


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm: a label, the parameters that make it different and a hint for whoever renders it."""

    label: str
    params: Mapping[str, Any] = field(default_factory=dict)
    hint: str | None = None

    def __post_init__(self) -> None:
        require_text("label", self.label)
        if not isinstance(self.params, Mapping):
            raise BadInput(f"params must be a mapping, got {self.params!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"label": self.label, "params": dict(self.params), "hint": self.hint}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Variant:
        """The way back from `to_dict`."""
        _require_keys("a variant", data, {"label"}, {"params", "hint"})
        return cls(data["label"], dict(data.get("params") or {}), data.get("hint"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number to read, its role and how it is told apart.

    `margin` is the difference, in the metric's own unit, that nobody would mind: a goal inside it
    is equivalent, a guardrail may not lose more. `covariate` is a column from before the start.

    >>> Metric(name="clicks", kind="ratio", denominator="views").role
    'goal'
    """

    name: str
    role: str = "goal"
    kind: str = "mean"
    increase: bool = True  # whether more is better
    margin: float = 0.0
    denominator: str | None = None
    quantile: float = 0.5
    covariate: str | None = None
    adjustment: str = "cuped"

    def __post_init__(self) -> None:
        require_text("name", self.name)
        _require_one_of("role", self.role, ROLES)
        _require_one_of("kind", self.kind, KINDS)
        for name in self.columns[1:]:
            require_text("denominator and covariate", name)
        _require_one_of("adjustment", self.adjustment, ("cuped", "lin"))
        self._check_what_decides()
        if not 0 < require_finite("quantile", self.quantile) < 1:
            raise BadInput(f"quantile must lie between 0 and 1, got {self.quantile!r}")
        if (self.kind == "ratio") != (self.denominator is not None):
            raise BadInput(
                f"a ratio, and only a ratio, has a denominator, got the {self.kind} {self.name!r} "
                f"with {self.denominator!r}"
            )
        if self.covariate is not None and self.kind != "mean":
            raise BadInput(f"only a mean takes a covariate, got the {self.kind} {self.name!r}")
        if self.role == "guardrail" and self.margin == 0:
            raise BadInput(f"the guardrail {self.name!r} needs the margin it may lose at most")

    def _check_what_decides(self) -> None:
        if not isinstance(self.increase, bool):
            raise BadInput(f"increase must be true or false, got {self.increase!r}")
        if require_finite("margin", self.margin) < 0:
            raise BadInput(f"margin must not be negative, got {self.margin!r}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have to be there to read it."""
        return tuple(c for c in (self.name, self.denominator, self.covariate) if c is not None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Metric:
        """The way back from `to_dict`."""
        _require_keys("a metric", data, {"name"}, {f.name for f in fields(cls)})
        return cls(**data)


PARTS = {"variants": Variant, "items": Mapping, "metrics": Metric, "looked": (int, float)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One hypothesis about one variable; the first variant is the control.

    `items` are the units that took part ({"item_id", "variant", …}), `looks` how often the plan is
    to look, `planned` the units in all at the last look, `looked` the shares of them seen so far.
    """

    id: str
    domain: str
    variable: str
    variants: tuple[Variant, ...]
    description: str = ""
    tier: int = BESIDE
    mode: str = "interleaved"
    started: datetime | None = None
    concluded: datetime | None = None
    status: str = "pending"
    items: tuple[Mapping[str, Any], ...] = ()
    metrics: tuple[Metric, ...] = ()
    looks: int = 1
    planned: int | None = None
    looked: tuple[float, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)  # none: equal shares
    min_items: int = FEWEST_ITEMS
    rationale: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "domain", "variable"):
            require_text(name, getattr(self, name))
        for name, kind in PARTS.items():
            object.__setattr__(self, name, _parts(name, getattr(self, name), kind))
        _require_one_of("tier", self.tier, (ALONE, BESIDE, UNTESTED))
        _require_one_of("mode", self.mode, MODES)
        _require_one_of("status", self.status, STATUSES)
        self._check_variants()
        self._check_plan()
        for name in ("started", "concluded"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, require_aware(name, getattr(self, name)))

    def _check_variants(self) -> None:
        labels = self.labels
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise BadInput(f"an experiment needs 2 variants with labels of their own, got {labels}")
        if not isinstance(self.weights, Mapping):
            raise BadInput(f"weights must be numbers by variant, got {self.weights!r}")
        if self.weights and set(self.weights) != set(labels):
            raise BadInput(f"weights must name every variant, got {dict(self.weights)}")
        for label, weight in self.weights.items():
            require_positive(f"the weight of {label!r}", weight)
        names = [metric.name for metric in self.metrics]
        if len(set(names)) < len(names):
            raise BadInput(f"every metric is read once, got {names}")
        strays = [item for item in self.items if item.get("variant") not in labels]
        if strays:
            raise BadInput(f"items must be of one of the variants {labels}, got {strays[0]!r}")

    def _check_plan(self) -> None:
        for name, least in (("looks", 1), ("min_items", 1), ("planned", 1)):
            value = getattr(self, name)
            wrong = isinstance(value, bool) or not isinstance(value, int) or value < least
            if wrong and not (name == "planned" and value is None):
                raise BadInput(f"{name} must be a whole number from {least}, got {value!r}")
        for look in self.looked:
            require_finite("a look taken", look)
        if self.looks > 1 and self.planned is None:
            raise BadInput(f"{self.looks} looks need `planned`, the units at the last one")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the variants, control first."""
        return tuple(variant.label for variant in self.variants)

    @property
    def control(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    variant_a = control

    @property
    def variant_b(self) -> Variant:
        """The first challenger."""
        return self.variants[1]

    def shares(self) -> tuple[float, ...]:
        """The planned share of every variant, in order."""
        weights = [self.weights.get(label, 1.0) for label in self.labels]
        return tuple(weight / sum(weights) for weight in weights)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return plain | {
            "variants": [variant.to_dict() for variant in self.variants],
            "metrics": [metric.to_dict() for metric in self.metrics],
            "items": [dict(item) for item in self.items],
            "weights": dict(self.weights),
            "looked": list(self.looked),
            "started": self.started and self.started.isoformat(),
            "concluded": self.concluded and self.concluded.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Experiment:
        """The way back from `to_dict`; the published shape with variant_a and variant_b loads too.

        A time without a zone, as the published shape has it, is read as UTC.
        """
        pair = {"variant_a", "variant_b"}
        known = {f.name for f in fields(cls)}
        _require_keys("an experiment", data, {"id", "domain", "variable"}, known | pair)
        plain = {name: value for name, value in data.items() if name not in pair}
        if "variants" not in plain:
            _require_keys("an experiment", data, pair, known | pair)
            plain["variants"] = [data["variant_a"], data["variant_b"]]
        with read_or_refused("an experiment"):
            plain["variants"] = tuple(Variant.from_dict(part) for part in plain["variants"])
            plain["metrics"] = tuple(Metric.from_dict(part) for part in plain.get("metrics", ()))
        for name in ("started", "concluded"):
            plain[name] = _time(name, plain.get(name))
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class ExperimentState:
    """What runs, what waits and what was: one domain's pipeline, every change a new value."""

    current: tuple[Experiment, ...] = ()
    queue: tuple[Experiment, ...] = ()
    history: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("current", "queue", "history"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        tiers = [experiment.tier for experiment in self.current]
        if UNTESTED in tiers or (ALONE in tiers and len(tiers) > 1):
            raise Refused(f"tier 1 runs alone, tier 2 beside other 2s, 3 not at all, got {tiers}")
        ids = [experiment.id for experiment in (*self.current, *self.queue)]
        if len(set(ids)) < len(ids):
            raise BadInput(f"every experiment has an id of its own, got {ids}")

    def enqueue(self, experiment: Experiment) -> ExperimentState:
        """Put it at the end of the queue."""
        return replace(self, queue=(*self.queue, experiment))

    def may_start(self, experiment: Experiment) -> bool:
        """Whether its tier, the tiers of what runs and its variable allow it now.

        A variable is in one running experiment at a time: a unit cannot have two values of it.
        """
        if experiment.variable in {other.variable for other in self.current}:
            return False
        if experiment.tier == BESIDE:
            return all(other.tier == BESIDE for other in self.current)
        return experiment.tier == ALONE and not self.current

    def start(self, experiment_id: str, *, at: datetime) -> ExperimentState:
        """Move one from the queue into what runs."""
        chosen = _find(self.queue, experiment_id)
        if not self.may_start(chosen):
            running = [(other.variable, other.tier) for other in self.current]
            raise Refused(f"{chosen.variable} of tier {chosen.tier} may not start beside {running}")
        active = replace(chosen, status="active", started=at)
        waiting = tuple(other for other in self.queue if other is not chosen)
        return ExperimentState((*self.current, active), waiting, self.history)

    def change(self, experiment: Experiment) -> ExperimentState:
        """Replace a running experiment by a newer value of itself."""
        _find(self.current, experiment.id)
        return replace(
            self, current=tuple(experiment if e.id == experiment.id else e for e in self.current)
        )

    def conclude(
        self, experiment_id: str, *, at: datetime, outcome: Mapping[str, Any]
    ) -> ExperimentState:
        """Move a running one into the history; refused below its items a variant."""
        chosen = _find(self.current, experiment_id)
        counts = dict.fromkeys(chosen.labels, 0)
        for item in chosen.items:
            counts[item["variant"]] += 1
        if min(counts.values()) < chosen.min_items:
            raise Refused(f"{chosen.id} needs {chosen.min_items} items a variant, has {counts}")
        return self._file(chosen, "concluded", at, outcome)

    def abandon(self, experiment_id: str, *, at: datetime, reason: str) -> ExperimentState:
        """Move one out of what runs or waits, without a result."""
        chosen = _find((*self.current, *self.queue), experiment_id)
        return self._file(chosen, "abandoned", at, {"reason": require_text("reason", reason)})

    def _file(
        self, chosen: Experiment, status: str, at: datetime, outcome: Mapping[str, Any]
    ) -> ExperimentState:
        done = replace(chosen, status=status, concluded=at).to_dict() | {"outcome": dict(outcome)}
        current, queue = (
            tuple(e for e in part if e.id != chosen.id) for part in (self.current, self.queue)
        )
        return ExperimentState(current, queue, (*self.history, done))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "current": [experiment.to_dict() for experiment in self.current],
            "queue": [experiment.to_dict() for experiment in self.queue],
            "history": [dict(entry) for entry in self.history],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExperimentState:
        """The way back; the published shape has one experiment or {} as `current`."""
        with read_or_refused("a state of experiments"):
            current = data.get("current") or []
            running = [current] if isinstance(current, Mapping) else current
            return cls(
                tuple(Experiment.from_dict(entry) for entry in running),
                tuple(Experiment.from_dict(entry) for entry in data.get("queue", ())),
                tuple(data.get("history", ())),
            )

    def to_json(self) -> str:
        """The state as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ExperimentState:
        """The way back from `to_json`."""
        with read_or_refused("a state of experiments"):
            return cls.from_dict(json.loads(text))


def _find(experiments: Sequence[Experiment], experiment_id: str) -> Experiment:
    for experiment in experiments:
        if experiment.id == experiment_id:
            return experiment
    known = [experiment.id for experiment in experiments]
    raise UnknownName(f"no experiment {experiment_id!r} there; known: {known}")


def _parts(name: str, values: Any, kind: Any) -> tuple[Any, ...]:
    """Several of one kind; a text or a mapping is iterable too, and never meant."""
    if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
        raise BadInput(f"{name} must be several in a list, got {values!r:.80}")
    parts = tuple(values)
    for part in parts:
        if not isinstance(part, kind):
            raise BadInput(f"{name} hold something of another kind: {part!r:.80}")
    return parts


def _time(name: str, value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInput(f"{name} must be an ISO time, got {value!r}") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _require_one_of(name: str, value: Any, known: Sequence[Any]) -> None:
    if isinstance(value, bool) or value not in known:
        raise BadInput(f"{name} must be one of {list(known)}, got {value!r}")


def _require_keys(what: str, data: Any, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(data, Mapping):
        raise BadInput(f"{what} must be an object, got {data!r}")
    missing, strange = needed - set(data), set(data) - needed - allowed
    if missing:
        raise BadInput(f"{what} must say {sorted(missing)}, got only {sorted(map(str, data))}")
    if strange:
        known = sorted(needed | allowed)
        raise BadInput(f"{what} has no {sorted(map(str, strange))}; it may say {known}")
