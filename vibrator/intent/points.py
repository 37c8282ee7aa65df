"""The decision points of a log: for every user what was known at each of the last events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.decay import fade
from vibrator.intent.log import Timeline
from vibrator.intent.policies import Moments
from vibrator.intent.unseen import NOWHERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Points:
    """The decision points of some users, a row each: users in order, then steps in order."""

    user: Ints  # row of the user within the block
    step: Ints  # how many later events the user had seen when the decision was made
    target: Ints  # the item that came next
    moments: Moments
    strong: Ints  # the two strongest slow categories, −1 where nothing is known
    first_user: int
    history_user: Ints
    history_item: Ints
    later_item: Ints  # a row a user, a column a later event, NOWHERE past the last


def decision_points(
    timeline: Timeline, users: range, half_lives: tuple[float, float], *, before: bool
) -> Points:
    """Walk the later events of all these users side by side, the state decaying as they go.

    `before`: decide before the event at hand is taken in, otherwise after it.
    """
    start, cut, end = (
        a[users.start : users.stop] for a in (timeline.start, timeline.cut, timeline.end)
    )
    history = _spans(start, cut)
    owner = np.repeat(np.arange(len(users)), cut - start)
    evidence = Evidence.of(timeline, history, owner, half_lives)
    later = _grid(cut, end)
    seen: list[tuple[Any, ...]] = []
    for step in range(later.shape[1] - 1):
        who = np.flatnonzero(later[:, step + 1] != NOWHERE)
        here = later[who, step]
        evidence.move(who, timeline.time[here])
        if not before:
            evidence.take(who, timeline.category[here], timeline.weight[here])
        steps = np.full(len(who), step if before else step + 1)
        target = timeline.item[later[who, step + 1]]
        seen.append((who, steps, target, *evidence.view(who)))
        if before:
            evidence.take(who, timeline.category[here], timeline.weight[here])
    user, steps, target, confidence, strongest, slow, last, strong = (
        np.concatenate(column) for column in zip(*seen, strict=True)
    )
    order = np.lexsort((steps, user))
    return Points(
        user=user[order],
        step=steps[order],
        target=target[order],
        moments=Moments(confidence[order], strongest[order], slow[order], last[order]),
        strong=strong[order],
        first_user=users.start,
        history_user=owner,
        history_item=timeline.item[history],
        later_item=np.where(later == NOWHERE, NOWHERE, timeline.item[later]),
    )


class Evidence:
    """Fast and slow evidence of many users at once, a row a user, each at a time of its own."""

    __slots__ = ("fast", "half_lives", "last", "slow", "time")

    def __init__(
        self, fast: Floats, slow: Floats, time: Floats, last: Ints, half_lives: tuple[float, float]
    ) -> None:
        self.fast, self.slow, self.time, self.last = fast, slow, time, last
        self.half_lives = half_lives

    @classmethod
    def of(
        cls, timeline: Timeline, rows: Ints, owner: Ints, half_lives: tuple[float, float]
    ) -> Evidence:
        """At the end of every user's history."""
        ends = np.flatnonzero(np.r_[owner[1:] != owner[:-1], True])
        time, last = timeline.time[rows[ends]], timeline.category[rows[ends]]
        width = timeline.n_categories
        cell = owner * width + timeline.category[rows]
        age = time[owner] - timeline.time[rows]

        def folded(half_life: float) -> Floats:
            faded = timeline.weight[rows] * fade(age, half_life=half_life)
            sums = np.bincount(cell, faded, minlength=len(ends) * width)
            return sums.astype(np.float64, copy=False).reshape(-1, width)

        return cls(folded(half_lives[0]), folded(half_lives[1]), time, last, half_lives)

    def move(self, who: Ints, time: Floats) -> None:
        """Let the evidence of some users fade until a later time."""
        age = time - self.time[who]
        for evidence, half_life in zip((self.fast, self.slow), self.half_lives, strict=True):
            evidence[who] *= fade(age, half_life=half_life)[:, None]
        self.time[who] = time

    def take(self, who: Ints, category: Ints, weight: Floats) -> None:
        """Take one event of each of these users in, at the time they are at."""
        self.fast[who, category] += weight
        self.slow[who, category] += weight
        self.last[who] = category

    def view(self, who: Ints) -> tuple[Floats, Ints, Ints, Ints, Ints]:
        """What the policies look at, and the two strongest slow categories."""
        slow = self.slow[who]
        moments = Moments.of(self.fast[who], slow, self.last[who])
        return (
            moments.confidence,
            moments.strongest,
            moments.strongest_slow,
            moments.last,
            _two_strongest(slow),
        )


def _two_strongest(evidence: Floats) -> Ints:
    """Places of the two largest of each row, the lower one first among equals; −1 if all are 0."""
    rest = evidence.copy()
    rows = np.arange(len(rest))
    first = rest.argmax(axis=1)
    known = rest[rows, first] > 0
    rest[rows, first] = -1.0
    pair = np.stack([first, rest.argmax(axis=1)], axis=1)
    return np.where(known[:, None], pair, -1)


def _spans(start: Ints, stop: Ints) -> Ints:
    """All numbers from start to stop, one stretch after the other."""
    length = stop - start
    shift = np.repeat(start - np.r_[0, np.cumsum(length)[:-1]], length)
    return np.asarray(np.arange(length.sum()) + shift)


def _grid(start: Ints, stop: Ints) -> Ints:
    """A row of numbers from start to stop each, NOWHERE past the end."""
    rows = start[:, None] + np.arange((stop - start).max())
    return np.where(rows < stop[:, None], rows, NOWHERE)
