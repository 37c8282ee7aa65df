"""What a person touches next: signals from others and from words, weighed by a fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.errors import BadInput, VibratorError
from vibrator.pipeline.company import HOUR, NEWEST, SIGNALS, Company, Past
from vibrator.pipeline.item_history import ItemHistory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FOLDS = 3  # of people: signals are fitted on people whom the co-engagement has not seen
RIDGE = 1.0
STEPS = 60
SETTLED = 1e-3  # of a weight: signals are scaled, so that this changes no order that matters
MOST_PEOPLE = 2_000  # that weights are fitted on
ALTERNATIVES = 500  # of what was not chosen, drawn evenly from a larger catalogue


class Case(NamedTuple):
    """A person's past, the moment of asking, and what was touched then."""

    past: Past
    now: float
    target: int


class Choice(NamedTuple):
    """What was chosen (the first row of signals) among what could be, and how much later."""

    rows: NDArray[np.float32]  # 1 + ALTERNATIVES x signals; those beyond a small catalogue are 0
    offered: NDArray[np.bool_]
    later: float


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """A weight a signal, right after the person's newest action and long after it."""

    soon: Floats
    later: Floats

    @classmethod
    def fit(cls, choices: list[Choice]) -> Weighing:
        """Under which what was chosen is likeliest among what could be."""
        soon, change = np.split(softmax_weights(choices), 2)
        return cls(soon, soon + change)

    def at(self, gap: float) -> Floats:
        """So many seconds after the newest action."""
        share = lateness(gap)
        return np.asarray((1.0 - share) * self.soon + share * self.later)

    def named(self) -> dict[str, dict[str, float]]:
        """By the names of the signals."""
        pairs = (("soon", self.soon), ("later", self.later))
        return {when: dict(zip(SIGNALS, w.tolist(), strict=True)) for when, w in pairs}


@dataclass(frozen=True, slots=True, eq=False)
class NextItem:
    """Scores every item of the catalogue as somebody's next.

    The weights of the signals are those of a softmax over the catalogue, fitted on people whom
    the signals they were fitted with had not seen. Who did little has weights of their own, from
    the same people cut short.
    """

    company: Company
    many: Weighing
    few: Weighing

    @classmethod
    def fit(cls, history: ItemHistory, vectors: Any, *, seed: int = 0) -> NextItem:
        """Learn from a history; `vectors` has a row for each of `history.items`."""
        rows = np.asarray(vectors, dtype=np.float64)
        if len(rows) != len(history.items):
            raise BadInput(f"{len(history.items)} items need as many rows, got {len(rows)}")
        rng = np.random.default_rng(seed)
        people = int(history.users.max(initial=-1)) + 1
        fold = rng.integers(FOLDS, size=people)
        many, few = [], []
        for held in range(FOLDS):
            company = Company.of(history, rows, fold != held)
            for events in _of_people(history, np.flatnonzero(fold == held), rng):
                whole, *short = _cases(history, events, rng)
                many.append(_choice(company, whole, rng))
                few += [_choice(company, case, rng) for case in short]
        if not many:
            raise BadInput("nobody in the history has two actions: nothing comes next")
        everybody = Company.of(history, rows, np.ones(people, dtype=bool))
        return cls(everybody, Weighing.fit(many), Weighing.fit(few))

    def scores(self, items: Any, now: float, *, times: Any = None, seen: bool = False) -> Floats:
        """A score an item for a person who touched items at these places, oldest first.

        `times` say when, in seconds; without them the person counts as in the middle of it.
        Items already touched score −∞ unless `seen` asks for them.
        """
        places = np.asarray(items, dtype=np.intp)
        if times is not None and len(times) != len(places):
            raise BadInput(f"{len(places)} items need as many times, got {len(times)}")
        past = Past(places, times)
        weighing = self.few if len(places) <= NEWEST else self.many
        out = self.company.signals(past, now) @ weighing.at(past.gap(now))
        if not seen:
            out[places] = -np.inf
        return np.asarray(out)


def lateness(gap: float) -> float:
    """0 in the middle of a sitting, towards 1 after it.

    >>> lateness(0.0), lateness(HOUR)
    (0.0, 0.5)
    """
    return gap / (gap + HOUR)


def softmax_weights(choices: list[Choice]) -> Floats:
    """Weights of the signals, and their changes with lateness, by Newton's method with a ridge."""
    rows, offered, later = map(np.array, zip(*choices, strict=True))
    design = np.concatenate([rows, rows * later[:, None, None].astype(np.float32)], axis=2)
    flat = design.reshape(-1, design.shape[2])
    best = np.zeros(design.shape[2])
    for _ in range(STEPS):
        logits = np.where(offered, design @ best.astype(np.float32), -np.inf)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = np.einsum("ca,caw->cw", p, design, dtype=np.float64)
        gradient = RIDGE * best + (mean - design[:, 0]).sum(axis=0)
        curvature = RIDGE * np.eye(best.size) + flat.T @ (flat * p.reshape(-1, 1)) - mean.T @ mean
        step = np.linalg.solve(curvature, gradient)
        best = best - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < SETTLED:
            return best
    raise VibratorError(f"the weights of the next item did not settle in {STEPS} steps")


def _choice(company: Company, case: Case, rng: np.random.Generator) -> Choice:
    """The signals of what was chosen and of what else could be; a large catalogue is sampled.

    Even sampling of alternatives leaves the weights of a softmax where they are (McFadden 1978).
    """
    signals = company.signals(case.past, case.now)
    open_ = np.ones(len(signals), dtype=bool)
    open_[case.past.items] = open_[case.target] = False
    others = np.flatnonzero(open_)
    if len(others) > ALTERNATIVES:
        others = rng.choice(others, ALTERNATIVES, replace=False)
    rows = np.zeros((1 + ALTERNATIVES, signals.shape[1]), dtype=np.float32)
    rows[0], rows[1 : 1 + len(others)] = signals[case.target], signals[others]
    offered = np.arange(len(rows)) <= len(others)
    return Choice(rows, offered, lateness(case.past.gap(case.now)))


def _cases(history: ItemHistory, events: Any, rng: np.random.Generator) -> Iterator[Case]:
    """The last action after all others; then, after the first few: the next, the last, any."""
    items, times = history.places_of_events[events], history.times[events]
    past, last = Past(items, times), len(items) - 1
    yield Case(past.first(last), float(times[last]), int(items[last]))
    cut = min(NEWEST, last)
    for target in (cut, last, int(rng.integers(cut, last + 1))):
        yield Case(past.first(cut), float(times[target]), int(items[target]))


def _of_people(history: ItemHistory, people: Any, rng: np.random.Generator) -> Iterator[Any]:
    """The events of people with two or more, oldest first; not more than are needed."""
    if len(people) > MOST_PEOPLE // FOLDS:
        people = rng.choice(people, MOST_PEOPLE // FOLDS, replace=False)
    order = np.argsort(history.users, kind="stable")
    starts = np.searchsorted(history.users[order], people)
    ends = np.searchsorted(history.users[order], people, side="right")
    for start, end in zip(starts, ends, strict=True):
        if end - start > 1:
            yield order[start:end]
