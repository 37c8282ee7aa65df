"""What a person touches next: items that go together, popularity and words, weighed by a fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.errors import BadInput
from vibrator.pipeline.co_engagement import together
from vibrator.pipeline.item_history import ItemHistory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

SIGNALS = ("popularity", "lately", "same_hour", "same_minute", "ever", "alike")
HOUR, MINUTE, EVER = 600.0, 60.0, 1e12  # half-lives of how far apart in time is together, seconds
LATELY = 14 * 86_400.0  # half-life of recent popularity, seconds
NEWEST = 5  # items of a person that say what comes next
FADE = 0.8  # a step back
DAMPING = 5.0  # people that a rare item counts as having anyway
FOLDS = 3  # of people: signals are fitted on people whom the co-engagement has not seen
RIDGE = 1.0
STEPS = 30
MOST_PEOPLE = 2_000  # that weights are fitted on
SMALLEST = 1e-9


class Case(NamedTuple):
    """A person's items, oldest first, the moment of asking, and what came then."""

    items: Places
    now: float
    target: int


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """What some people's actions say of items: how popular each is, and which go together."""

    history: ItemHistory
    vectors: Floats  # a unit row an item
    chosen: NDArray[np.bool_]  # of the events
    popularity: Floats
    near: tuple[Any, ...]  # items x items for HOUR, MINUTE, EVER

    @classmethod
    def of(cls, history: ItemHistory, vectors: Floats, people: NDArray[np.bool_]) -> Company:
        """Of these people's events."""
        chosen = people[history.users]
        size = len(history.items)
        count = np.bincount(history.places_of_events[chosen], minlength=size).astype(np.float64)
        rows = [together(history, half_life=h, chosen=people) for h in (HOUR, MINUTE, EVER)]
        return cls(history, vectors, chosen, count, tuple(_normalised(r, count) for r in rows))

    def signals(self, items: Places, now: float) -> Floats:
        """Items x SIGNALS for a person who touched `items`, each scaled over the catalogue."""
        newest = items[-NEWEST:][::-1]
        weights = FADE ** np.arange(len(newest))
        alike = self.vectors @ (weights @ self.vectors[newest]) if len(newest) else 0.0
        columns = np.zeros((len(self.popularity), len(SIGNALS)))
        columns[:, 0] = np.log1p(self.popularity)
        columns[:, 1] = np.log1p(self._lately(now))
        for place, (matrix, own) in enumerate(
            zip(self.near, ((newest, weights), (newest, weights), (items, None)), strict=True), 2
        ):
            columns[:, place] = np.sqrt(_sum_of_rows(matrix, *own))
        columns[:, 5] = alike
        spread = columns.std(axis=0)
        scale = np.where(spread > SMALLEST, spread, 1.0)
        return np.asarray((columns - columns.mean(axis=0)) / scale)

    def _lately(self, now: float) -> Floats:
        history = self.history
        end = int(np.searchsorted(history.times, now, side="left"))
        fade = np.exp2((history.times[:end] - now) / LATELY) * self.chosen[:end]
        return np.bincount(
            history.places_of_events[:end], fade, minlength=len(self.popularity)
        ).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class NextItem:
    """Scores every item of the catalogue as somebody's next; one row of weights a signal.

    The weights are those of a softmax over the whole catalogue, fitted on people whom the
    co-engagement they were fitted with had not seen; few actions have weights of their own.
    """

    company: Company
    weights: dict[str, float]
    few_weights: dict[str, float]

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
                many.append(_choice(company, _case(history, events, len(events) - 1)))
                cut = min(NEWEST, len(events) - 1)
                few.append(_choice(company, _case(history, events, cut)))
        if not many:
            raise BadInput("nobody in the history has two actions: nothing comes next")
        whole = Company.of(history, rows, np.ones(people, dtype=bool))
        named = (dict(zip(SIGNALS, softmax_weights(c).tolist(), strict=True)) for c in (many, few))
        return cls(whole, *named)

    def scores(self, items: Any, now: float, *, seen: bool = False) -> Floats:
        """A score an item for a person who touched items at these places, oldest first.

        Items already touched score −∞ unless `seen` asks for them.
        """
        places = np.asarray(items, dtype=np.intp)
        weights = self.few_weights if len(places) <= NEWEST else self.weights
        out = self.company.signals(places, now) @ np.array([weights[name] for name in SIGNALS])
        if not seen:
            out[places] = -np.inf
        return np.asarray(out)


def softmax_weights(choices: list[tuple[Floats, int]]) -> Floats:
    """Weights under which what was chosen is likeliest, by Newton's method with a ridge."""
    best = np.zeros(choices[0][0].shape[1])
    for _ in range(STEPS):
        gradient, curvature = RIDGE * best, RIDGE * np.eye(best.size)
        for rows, chosen in choices:
            logits = rows @ best
            p = np.exp(logits - logits.max())
            p /= p.sum()
            mean = p @ rows
            gradient = gradient + mean - rows[chosen]
            curvature = curvature + (rows * p[:, None]).T @ rows - np.outer(mean, mean)
        step = np.linalg.solve(curvature, gradient)
        best = best - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-4:
            break
    return best


def _choice(company: Company, case: Case) -> tuple[Floats, int]:
    """The signals of what could be chosen, and the row of what was."""
    rows = company.signals(case.items, case.now)
    open_ = np.ones(len(rows), dtype=bool)
    open_[case.items] = False
    open_[case.target] = True
    return rows[open_].astype(np.float32), int(open_[: case.target].sum())


def _case(history: ItemHistory, events: Any, cut: int) -> Case:
    items = history.places_of_events[events]
    return Case(items[:cut], float(history.times[events[cut]]), int(items[cut]))


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


def _normalised(matrix: Any, count: Floats) -> Any:
    from scipy import sparse

    scale = sparse.diags_array(1.0 / np.sqrt(count + DAMPING))
    return (scale @ matrix @ scale).tocsr()


def _sum_of_rows(matrix: Any, places: Places, weights: Any) -> Floats:
    rows = matrix[places]
    return np.asarray(rows.sum(axis=0) if weights is None else weights @ rows).ravel()
