"""What others' actions say of items: how popular each is and when, and which go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.pipeline.co_engagement import gathered, together
from vibrator.pipeline.item_history import ItemHistory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

SIGNALS = (
    "popularity",  # how many touched it
    "lately",  # how many touched it within the last weeks
    "stage",  # how much more it is touched so long after a person began than at other times
    "same_hour",  # how often it was touched within minutes of the person's newest items
    "same_minute",  # the same, within seconds
    "ever",  # how often people who touched the person's items touched it at all
    "kindred",  # the same, people who touch everything counting less
    "alike",  # how much its words are like those of the person's newest items
)
HOUR, MINUTE = 600.0, 60.0  # half-lives of how far apart in time is together, seconds
LATELY = 14 * 86_400.0  # half-life of recent popularity, seconds
LONG_AGO = 10  # half-lives after which nothing is left of it
NEWEST = 5  # items of a person that say what comes next
FADE = 0.8  # a step back
DAMPING = 5.0  # people that a rare item counts as having anyway
STAGES = 26  # doublings of a minute: two years
STAGE_SHRINKING = 0.5  # events
SMALLEST = 1e-9


class Past(NamedTuple):
    """A person's items and when they were touched, oldest first; times may be unknown."""

    items: Places
    times: Any = None

    @property
    def began(self) -> float | None:
        """When the first was touched."""
        return None if self.times is None or not len(self.times) else float(self.times[0])

    def gap(self, now: float) -> float:
        """Seconds since the newest; 0 where that is unknown."""
        return 0.0 if self.began is None else max(now - float(self.times[-1]), 0.0)

    def first(self, count: int) -> Past:
        """The oldest so many."""
        return Past(self.items[:count], None if self.times is None else self.times[:count])


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """What some people's actions say of items: how popular each is, and which go together."""

    history: ItemHistory
    vectors: Floats  # a unit row an item
    chosen: NDArray[np.bool_]  # of the events
    popularity: Floats
    stages: Floats  # items x STAGES: events so long after their person's first
    close: tuple[Any, ...]  # items x items, of HOUR and MINUTE
    common: tuple[Any, ...]  # items x items, of people in common, plain and by their activity

    @classmethod
    def of(cls, history: ItemHistory, vectors: Floats, people: NDArray[np.bool_]) -> Company:
        """Of these people's events."""
        chosen = people[history.users]
        items, size = history.places_of_events, len(history.items)
        count = np.bincount(items[chosen], minlength=size).astype(np.float64)
        close = [together(history, half_life=h, chosen=people) for h in (HOUR, MINUTE)]
        common = [gathered(history, chosen, by_activity=way) for way in (False, True)]
        stage = np.rint(_stage(history.times - history.began())).astype(np.intp)
        cells = items[chosen] * STAGES + stage[chosen]
        return cls(
            history,
            vectors,
            chosen,
            count,
            np.bincount(cells, minlength=size * STAGES).reshape(size, STAGES).astype(np.float64),
            tuple(_normalised(matrix, count) for matrix in close),
            tuple(_normalised(matrix, count) for matrix in common),
        )

    def signals(self, past: Past, now: float) -> Floats:
        """Items x SIGNALS for a person with this past, each scaled over the catalogue."""
        newest = past.items[-NEWEST:][::-1]
        weights = FADE ** np.arange(len(newest))
        columns = [np.log1p(self.popularity), np.log1p(self._lately(now)), self._stage(past, now)]
        columns += [np.sqrt(_sum_of_rows(matrix, newest, weights)) for matrix in self.close]
        everything = np.ones(len(past.items))
        columns += [np.sqrt(_sum_of_rows(m, past.items, everything)) for m in self.common]
        columns.append(self.vectors @ (weights @ self.vectors[newest]))
        table = np.column_stack(columns)
        spread = table.std(axis=0)
        return np.asarray((table - table.mean(axis=0)) / np.where(spread > SMALLEST, spread, 1.0))

    def _lately(self, now: float) -> Floats:
        history = self.history
        span = np.searchsorted(history.times, (now - LONG_AGO * LATELY, now), side="left")
        seen = slice(*span)
        fade = np.exp2((history.times[seen] - now) / LATELY) * self.chosen[seen]
        return np.bincount(
            history.places_of_events[seen], fade, minlength=len(self.popularity)
        ).astype(np.float64)

    def _stage(self, past: Past, now: float) -> Floats:
        """Log of the events at this stage over those that popularity lets expect there."""
        if past.began is None:
            return np.zeros(len(self.popularity))
        near = np.exp(-((np.arange(STAGES) - _stage(now - past.began)) ** 2) / 2)
        found = self.stages @ near
        expected = self.popularity * (found.sum() / max(self.popularity.sum(), 1.0))
        return np.asarray(np.log((found + STAGE_SHRINKING) / (expected + STAGE_SHRINKING)))


def _stage(elapsed: Any) -> Any:
    """Doublings of a minute since somebody began."""
    return np.minimum(np.log2(1.0 + np.maximum(elapsed, 0.0) / MINUTE), STAGES - 1.0)


def _normalised(matrix: Any, count: Floats) -> Any:
    from scipy import sparse

    scale = sparse.diags_array(1.0 / np.sqrt(count + DAMPING))
    return (scale @ matrix @ scale).tocsr()


def _sum_of_rows(matrix: Any, places: Places, weights: Any) -> Any:
    rows = matrix[places]
    each = rows.data * np.repeat(weights, np.diff(rows.indptr))
    return np.bincount(rows.indices, each, minlength=matrix.shape[1])
