"""From input columns to the matrix that trees read: groups of features, each on or off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.checks import require_positive
from vibrator.decay import fade
from vibrator.errors import BadInput
from vibrator.ltv.columns import PLAIN, TIMES, WORDS, Schema, View, Words, parse_texts, read_schema
from vibrator.ltv.frames import DAY, user_fraction
from vibrator.ltv.missing import MissingPolicy, fill_gaps, fit_fills
from vibrator.ltv.nested import SUMMARIES, as_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]

BRIDGE_PREFIXES = ("slider_", "intent_")  # columns that vibrator's own scores arrive under
KNOTS = np.linspace(0.0, 1.0, 21)  # quantiles that a local percentile is read off
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column plays which part in the engineered features; None where there is no such one."""

    spend: str | None = None
    purchases: str | None = None
    purchase_age_days: str | None = None
    installs: str | None = None
    recent_installs: str | None = None
    sessions: str | None = None
    minutes: str | None = None
    active_days: str | None = None
    device_price: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How often a word must occur to keep its own identity, and how many may."""

    least: int = 50
    most: int = 64

    def __post_init__(self) -> None:
        require_positive("vocabulary.least", self.least)
        require_positive("vocabulary.most", self.most)


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What configs/features.yaml says: the groups, the roles, the places, the policies."""

    groups: Mapping[str, bool] = field(default_factory=dict)
    roles: Roles = field(default_factory=Roles)
    places: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    missing: MissingPolicy = field(default_factory=MissingPolicy)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    recency_half_life_days: float = 14.0

    def __post_init__(self) -> None:
        if stray := sorted(set(self.groups) - set(GROUPS)):
            raise BadInput(f"unknown feature groups {stray}; known: {sorted(GROUPS)}")
        require_positive("recency_half_life_days", self.recency_half_life_days)

    def check(self, frame: pd.DataFrame) -> None:
        """Refuse a plan that speaks of columns which the rows lack."""
        roles = {f"roles.{f.name}": getattr(self.roles, f.name) for f in fields(self.roles)}
        named = {name: column for name, column in roles.items() if column is not None}
        for group in ("places", "kinds", "ignore"):
            named |= {f"{group}: {column}": column for column in getattr(self, group)}
        named |= {f"missing.columns: {column}": column for column in self.missing.columns}
        if stray := [name for name, column in named.items() if column not in frame]:
            raise BadInput(f"features name columns that the rows lack: {stray}")

    def on(self) -> list[str]:
        """The groups that are switched on; one that is not named is on."""
        return [name for name in GROUPS if self.groups.get(name, True)]

    def without(self, group: str) -> FeaturePlan:
        """The same plan with one group off."""
        return replace(self, groups={**self.groups, group: False})


@dataclass(frozen=True, slots=True)
class Block:
    """Columns that a group makes: numbers ready for the matrix, words to be coded."""

    numbers: Mapping[str, Floats] = field(default_factory=dict)
    words: Mapping[str, Words] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """One family of features: `learn` sees training rows only, `make` any rows."""

    make: Callable[[View, FeaturePlan, Any], Block]
    learn: Callable[[View, FeaturePlan], Any] = lambda _view, _plan: None
    out_of_fold: bool = False


def _is_bridge(name: str) -> bool:
    return name.startswith(BRIDGE_PREFIXES)


def _numbers(view: View, _plan: FeaturePlan, _state: Any) -> Block:
    return Block({n: view.number(n) for n in view.schema.of(*PLAIN) if not _is_bridge(n)})


def _bridge(view: View, _plan: FeaturePlan, _state: Any) -> Block:
    return Block({n: view.number(n) for n in view.schema.of(*PLAIN) if _is_bridge(n)})


def _categories(view: View, _plan: FeaturePlan, _state: Any) -> Block:
    return Block(words={n: view.words(n) for n in view.schema.of(*WORDS)})


def _nested(kind: str) -> Callable[[View, FeaturePlan, Any], Block]:
    def make(view: View, _plan: FeaturePlan, _state: Any) -> Block:
        numbers: dict[str, Floats] = {}
        words: dict[str, Words] = {}
        for name in view.schema.of(kind):
            summary = SUMMARIES[kind](as_arrow(view.frame[name], kind))
            numbers |= {f"{name}_{what}": values for what, values in summary.numbers.items()}
            if summary.names is not None:
                words[f"{name}_top"] = Words.of(summary.names)
        return Block(numbers, words)

    return make


def _timestamps(view: View, plan: FeaturePlan, _state: Any) -> Block:
    numbers = {}
    for name in view.schema.of(*TIMES):
        age = (view.now - view.moment(name)) / DAY
        numbers[f"{name}_age_days"] = age
        recency = fade(np.nan_to_num(age, nan=np.inf), half_life=plan.recency_half_life_days)
        numbers[f"{name}_recency"] = recency
    return Block(numbers)


def _cyclic(view: View, _plan: FeaturePlan, _state: Any) -> Block:
    days = view.now / DAY
    turns = {"hour": days % 1.0, "weekday": days / 7.0 % 1.0}
    return Block(
        {
            f"{name}_{wave.__name__}": wave(2.0 * np.pi * turn)
            for name, turn in turns.items()
            for wave in (np.sin, np.cos)
        }
    )


def _zero_activity(view: View, plan: FeaturePlan, _state: Any) -> Block:
    roles = plan.roles
    parts = (roles.spend, roles.purchases, roles.sessions, roles.installs, roles.recent_installs)
    named = [name for name in parts if name is not None and view.has(name)]
    return Block({f"{name}_is_zero": (view.number(name) == 0).astype(float) for name in named})


def _interactions(view: View, plan: FeaturePlan, _state: Any) -> Block:
    """Products and ratios that single splits find slowly; made where their roles are played."""
    roles = plan.roles

    def has(*names: str | None) -> bool:
        return all(view.has(name) for name in names)

    def of(name: str | None) -> Floats:
        return view.number(str(name))

    made: dict[str, Floats] = {}
    if has(roles.spend, roles.purchases):
        made["ticket"] = of(roles.spend) / np.maximum(of(roles.purchases), 1.0)
        made["whale_x_frequency"] = np.log1p(of(roles.spend)) * np.log1p(of(roles.purchases))
    if has(roles.purchase_age_days, roles.spend):
        age = np.nan_to_num(of(roles.purchase_age_days), nan=np.inf)
        fresh = fade(age, half_life=plan.recency_half_life_days)
        made["purchase_recency"] = fresh * np.log1p(of(roles.spend))
    if has(roles.installs, roles.recent_installs):
        made["install_velocity"] = of(roles.recent_installs) / (1.0 + of(roles.installs))
    if has(roles.device_price, roles.spend):
        made["device_spending"] = np.log1p(of(roles.device_price)) * np.log1p(of(roles.spend))
    return Block(made)


def _scores(view: View, plan: FeaturePlan, _state: Any) -> Block:
    """How long a session is, and how much of a life the app takes."""
    roles = plan.roles
    made: dict[str, Floats] = {}
    if view.has(roles.sessions) and view.has(roles.minutes):
        sessions, minutes = view.number(str(roles.sessions)), view.number(str(roles.minutes))
        made["session_score"] = np.log1p(minutes) - np.log1p(sessions)
        if view.has(roles.active_days):
            days = view.number(str(roles.active_days))
            made["engagement_score"] = np.log1p(minutes) + np.log1p(sessions) + np.log1p(days)
    return Block(made)


def _local_metrics(view: View, plan: FeaturePlan) -> list[str]:
    roles = plan.roles
    named = (roles.spend, roles.minutes, roles.device_price)
    return [name for name in named if name is not None and view.has(name)]


def _local_places(view: View, plan: FeaturePlan) -> list[str]:
    return [place for place in plan.places if view.schema.kinds.get(place) in WORDS]


def _learn_local(view: View, plan: FeaturePlan) -> dict[str, Any]:
    """Quantiles of each metric in each frequent place, "" for everywhere; average spend there."""
    state: dict[str, Any] = {}
    for place in _local_places(view, plan):
        rows = view.words(place).rows()
        groups = {word: at for word, at in rows.items() if at.size >= plan.vocabulary.least}
        groups[""] = np.arange(view.size)
        for metric in _local_metrics(view, plan):
            values = np.nan_to_num(view.number(metric))
            grids = {word: np.quantile(values[at], KNOTS).tolist() for word, at in groups.items()}
            means = {word: float(values[at].mean()) for word, at in groups.items()}
            state[f"{metric}|{place}"] = {"grid": grids, "mean": means}
    return state


def _local(view: View, plan: FeaturePlan, state: Any) -> Block:
    made: dict[str, Floats] = {}
    for place in _local_places(view, plan):
        groups = view.words(place).rows()
        for metric in _local_metrics(view, plan):
            known = state[f"{metric}|{place}"]
            values = np.nan_to_num(view.number(metric))
            percentile = np.empty(view.size)
            mean = np.empty(view.size)
            for word, at in groups.items():
                home = word if word in known["grid"] else ""
                percentile[at] = np.interp(values[at], known["grid"][home], KNOTS)
                mean[at] = known["mean"][home]
            made[f"{metric}_percentile_in_{place}"] = percentile
            if metric == plan.roles.spend:
                made[f"{metric}_average_of_{place}"] = mean
    return Block(made)


GROUPS: dict[str, Group] = {
    "numbers": Group(_numbers),
    "categories": Group(_categories),
    "maps": Group(_nested("map")),
    "lists": Group(_nested("list")),
    "pairs": Group(_nested("pairs")),
    "histograms": Group(_nested("histogram")),
    "timestamps": Group(_timestamps),
    "cyclic": Group(_cyclic),
    "zero_activity": Group(_zero_activity),
    "interactions": Group(_interactions),
    "scores": Group(_scores),
    "local": Group(_local, _learn_local, out_of_fold=True),
    "bridge": Group(_bridge),
}


@dataclass(frozen=True, slots=True)
class Features:
    """Fitted features: the schema, what the groups learned, the words that keep their identity."""

    schema: Schema
    plan: FeaturePlan
    fills: Mapping[str, float | None]
    states: Mapping[str, Any]
    vocabularies: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]

    @property
    def categorical(self) -> tuple[str, ...]:
        """The features that are codes of words."""
        return tuple(name for name in self.names if name in self.vocabularies)

    def transform(self, frame: pd.DataFrame) -> Matrix:
        """The matrix for rows that were not learned from, checked against the schema."""
        frame = parse_texts(frame, self.schema.kinds)
        self.schema.check(frame)
        columns = self._columns(View(frame, self.schema), self.states)
        return _matrix(columns, self.names, len(frame))

    def _columns(self, view: View, states: Mapping[str, Any]) -> dict[str, Floats]:
        columns = fill_gaps(view, self.fills, self.plan.missing)
        for name in self.plan.on():
            block = GROUPS[name].make(view, self.plan, states.get(name))
            columns |= block.numbers
            columns |= {n: words.coded(self.vocabularies[n]) for n, words in block.words.items()}
        return columns


def _matrix(columns: Mapping[str, Floats], names: Sequence[str], rows: int) -> Matrix:
    out = np.empty((rows, len(names)), dtype=np.float32)
    for at, name in enumerate(names):
        out[:, at] = columns[name]
    return out


def fit_features(
    frame: pd.DataFrame, plan: FeaturePlan, *, time: str, user: str, labels: Sequence[str]
) -> tuple[Features, Matrix]:
    """Features learned from training rows, and those rows' matrix, learned parts out-of-fold."""
    plan.check(frame)
    frame = parse_texts(frame, plan.kinds)
    skip = frozenset({user, *labels, *plan.ignore})
    schema = read_schema(frame, time=time, skip=skip, kinds=plan.kinds)
    view = View(frame, schema)
    plain = schema.of(*PLAIN)
    fills = fit_fills(view, plain, plan.missing)
    flags = fill_gaps(view, fills, plan.missing)
    states = {name: GROUPS[name].learn(view, plan) for name in plan.on()}
    blocks = {
        name: _training_block(name, view, plan, states[name], frame[user]) for name in plan.on()
    }
    words = {n: w for block in blocks.values() for n, w in block.words.items()}
    vocabularies = {n: _frequent(w, plan.vocabulary) for n, w in words.items()}
    columns = dict(flags)
    for block in blocks.values():
        columns |= block.numbers
        columns |= {n: w.coded(vocabularies[n]) for n, w in block.words.items()}
    states = {name: state for name, state in states.items() if state is not None}
    features = Features(schema, plan, fills, states, vocabularies, tuple(columns))
    return features, _matrix(columns, features.names, len(frame))


def _training_block(
    name: str, view: View, plan: FeaturePlan, state: Any, users: pd.Series
) -> Block:
    group = GROUPS[name]
    if not group.out_of_fold:
        return group.make(view, plan, state)
    fold = (user_fraction(users) * FOLDS).astype(int)
    numbers: dict[str, Floats] = {}
    for one in range(FOLDS):
        mine, others = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
        if not (mine.size and others.size):
            continue
        learned = group.learn(view.part(others), plan)
        for key, values in group.make(view.part(mine), plan, learned).numbers.items():
            numbers.setdefault(key, np.empty(view.size))[mine] = values
    return Block(numbers)


def _frequent(words: Words, vocabulary: Vocabulary) -> tuple[str, ...]:
    counted = sorted(zip(-words.counts(), words.kinds, strict=True))
    kept = [word for count, word in counted[: vocabulary.most] if -count >= vocabulary.least]
    return tuple(sorted(kept))
