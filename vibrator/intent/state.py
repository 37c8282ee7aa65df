"""What one person seems to want now: decayed evidence per category, fast and slow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.checks import require_aware, require_positive
from vibrator.decay import DecayedSum
from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DAY = 86_400.0  # seconds
KEPT_OPEN = 32  # newest events held apart; the more, the further back a read may reach
Category = int | str
Moment = float | datetime


def seconds(moment: Moment) -> float:
    """Seconds since 1970; a datetime has to carry its timezone."""
    if isinstance(moment, datetime):
        return require_aware("time", moment).timestamp()
    if not math.isfinite(moment):
        raise BadInput(f"time must be finite, got {moment!r}")
    return moment


def require_half_lives(fast_days: float, slow_days: float) -> tuple[float, float]:
    """Both half-lives in seconds; the fast one is not the longer of the two."""
    fast = require_positive("half_life_fast_days", fast_days)
    slow = require_positive("half_life_slow_days", slow_days)
    if fast > slow:
        raise BadInput(f"half_life_fast_days must not exceed the slow one, got {fast} > {slow}")
    return fast * DAY, slow * DAY


def leading(evidence: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Of each row the strongest category and its share; −1 and 0 where nothing is known.

    >>> leading(np.array([[1.0, 3.0], [0.0, 0.0]]))
    (array([ 1, -1]), array([0.75, 0.  ]))
    """
    top = evidence.argmax(axis=1)
    total = evidence.sum(axis=1)
    known = total > 0
    share = np.divide(
        evidence[np.arange(len(top)), top], total, out=np.zeros(len(top)), where=known
    )
    return np.where(known, top, -1), share


class IntentState:
    """s_k(t) = Σ w·2^(−(t − t_e)/h) over the events of category k, for a fast and a slow h.

    Categories are numbers below `categories`, or the names given there: those of items, or the
    sliders themselves. Times are seconds or aware datetimes. An event after t weighs nothing at
    t; order and partition of events do not matter; a category that nothing touched for longer
    than `ttl_days` is forgotten until something touches it again.

    >>> ada = IntentState(["depth", "brevity"])
    >>> ada.update("depth", 0.0, 3.0)
    >>> ada.update("brevity", 86_400.0, 1.0)
    >>> ada.combined_confidence(86_400.0)
    ('depth', 0.678...)
    """

    __slots__ = ("_places", "_sums", "names", "ttl")

    def __init__(
        self,
        categories: int | Sequence[str],
        *,
        half_life_fast_days: float = 1.0,
        half_life_slow_days: float = 7.0,
        ttl_days: float | None = None,
    ) -> None:
        fast, slow = require_half_lives(half_life_fast_days, half_life_slow_days)
        self.names: Sequence[Any] = _names(categories)
        self._places = {name: place for place, name in enumerate(self.names)}
        self.ttl = math.inf if ttl_days is None else require_positive("ttl_days", ttl_days) * DAY
        self._sums = _TouchedSum([fast, slow], len(self.names), by_category=ttl_days is not None)

    def update(self, category: Category, t: Moment, weight: float = 1.0) -> None:
        """Take one event in; late ones may come late, their weight counts from their own time."""
        place = self._places.get(category)
        if place is None:
            raise self._unknown(category)
        if not 0 <= weight < math.inf:
            raise BadInput(f"weight must be finite and not negative, got {weight!r}")
        when = t if type(t) is float and -math.inf < t < math.inf else seconds(t)
        self._sums.add(when, weight, at=place)

    def update_many(
        self, categories: Sequence[Category] | ArrayLike, times: ArrayLike, weights: ArrayLike
    ) -> None:
        """Take many events in at once; the same state as one `update` each."""
        places, when, what = (
            self._places_of(categories),
            np.asarray(times, dtype=np.float64),
            np.asarray(weights, dtype=np.float64),
        )
        if not len(places) == len(when) == len(what):
            raise BadInput(
                f"events must be equally many, got {len(places)}, {len(when)}, {len(what)}"
            )
        if not np.isfinite(when).all() or not (np.isfinite(what) & (what >= 0)).all():
            raise BadInput("times and weights must be finite, weights not negative")
        self._sums.add_many(when, what, at=places)

    def prefs(self, t: Moment) -> Floats:
        """Evidence per category, over the fast half-life and over the slow one: two rows."""
        now = seconds(t)
        sums = self._sums.read(now)
        if self.ttl < math.inf:
            sums[:, now - self._sums.touched(now) > self.ttl] = 0.0
        return sums

    def fast_prefs(self, t: Moment) -> Floats:
        """Evidence per category over the fast half-life."""
        return np.asarray(self.prefs(t)[0])

    def slow_prefs(self, t: Moment) -> Floats:
        """Evidence per category over the slow half-life."""
        return np.asarray(self.prefs(t)[1])

    def combined_confidence(self, t: Moment) -> tuple[Any, float]:
        """The strongest category of fast + slow and its share; (None, 0.0) if nothing is known."""
        place, share = leading(self.prefs(t).sum(axis=0, keepdims=True))
        return (None, 0.0) if place[0] < 0 else (self.names[place[0]], float(share[0]))

    def top_k_categories(self, t: Moment, k: int = 3) -> list[tuple[Any, float]]:
        """The k strongest categories of fast + slow with their shares, strongest first."""
        combined = self.prefs(t).sum(axis=0)
        order = np.argsort(-combined, kind="stable")[:k]
        return [(self.names[i], float(combined[i] / combined.sum())) for i in order if combined[i]]

    def last_category(self, t: Moment) -> Any:
        """The category of the newest event up to t, None if there is none."""
        place = self._sums.last_touched(seconds(t))
        return None if place < 0 else self.names[place]

    def newest(self, t: Moment) -> float | None:
        """The time of the newest event up to t, in seconds."""
        newest = self._sums.newest_time(seconds(t))
        return None if newest == -math.inf else newest

    def merge(self, other: IntentState) -> IntentState:
        """The state over both histories, as if they had been one."""
        if list(self.names) != list(other.names) or self.ttl != other.ttl:
            raise BadInput("states of different categories or ttl cannot be merged")
        both = IntentState.__new__(IntentState)
        both.names, both._places, both.ttl = self.names, self._places, self.ttl
        both._sums = self._sums.merge(other._sums)
        return both

    def _places_of(self, categories: Any) -> NDArray[np.int64]:
        given = np.asarray(categories)
        if isinstance(self.names, range) and given.dtype.kind in "iu":
            if len(given) and not (given.min() >= 0 and given.max() < len(self.names)):
                raise self._unknown(given[(given < 0) | (given >= len(self.names))][0])
            return given
        missing = [name for name in given.tolist() if name not in self._places]
        if missing:
            raise self._unknown(missing[0])
        return np.array([self._places[name] for name in given.tolist()], dtype=np.int64)

    def _unknown(self, category: Any) -> UnknownName:
        known = f"0 to {len(self.names) - 1}" if isinstance(self.names, range) else self.names
        return UnknownName(f"no category {category!r}; known: {known}")


class _TouchedSum(DecayedSum):
    """A decayed sum over categories that also knows which was touched last, and when each was."""

    __slots__ = ("last_folded", "touches")

    def __init__(self, half_lives: Sequence[float], size: int, *, by_category: bool) -> None:
        super().__init__(half_lives, (size,), keep=KEPT_OPEN)
        self.last_folded = -1
        self.touches: Floats | None = np.full(size, -np.inf) if by_category else None

    def newest_time(self, now: float) -> float:
        """The time of the newest event up to now, −inf if there is none."""
        return max([self.anchor, *(event.time for event in self.open if event.time <= now)])

    def last_touched(self, now: float) -> int:
        """The category of the newest event up to now (the highest of several), −1 if none."""
        happened = [(event.time, event.at) for event in self.open if event.time <= now]
        return int(max([(self.anchor, self.last_folded), *happened])[1])

    def touched(self, now: float) -> Floats:
        """Per category the time of its newest event up to now."""
        touched = np.array(self.touches)
        for event in self.open:
            if event.time <= now:
                touched[event.at] = max(touched[event.at], event.time)
        return touched

    def merge(self, other: DecayedSum) -> _TouchedSum:
        """The sum over both histories, with the later of both touches."""
        if not isinstance(other, _TouchedSum) or (self.touches is None) != (other.touches is None):
            raise BadInput("an intent merges with an intent of the same kind")
        mine, theirs = (self.copy(), other) if self.anchor >= other.anchor else (other.copy(), self)
        if mine.anchor == theirs.anchor:
            mine.last_folded = max(mine.last_folded, theirs.last_folded)
        if mine.touches is not None and theirs.touches is not None:
            mine.touches = np.maximum(mine.touches, theirs.touches)
        return DecayedSum.merge(mine, theirs)

    def copy(self) -> _TouchedSum:
        """An independent twin."""
        by_category = self.touches is not None
        twin = _TouchedSum(list(self.half_lives), self.total.shape[1], by_category=by_category)
        twin.total, twin.anchor, twin.open = self.total.copy(), self.anchor, list(self.open)
        twin.last_folded, twin.touches = self.last_folded, copy(self.touches)
        return twin

    def _fold(self, times: Floats, values: Any, cells: Any) -> None:
        newest, before = float(times.max()), self.anchor
        super()._fold(times, values, cells)
        if newest >= before:
            last = int(np.asarray(cells)[times == newest].max())
            self.last_folded = last if newest > before else max(last, self.last_folded)
        if self.touches is not None:
            np.maximum.at(self.touches, np.asarray(cells), times)


def _names(categories: int | Sequence[str]) -> Sequence[Any]:
    if isinstance(categories, int):
        if categories < 1:
            raise BadInput(f"categories must be at least 1, got {categories}")
        return range(categories)
    names = list(categories)
    if not names or len(set(names)) != len(names):
        raise BadInput(f"categories must be different names, got {names!r}")
    return names
