"""Which popular items a user has not seen yet, counted for many decisions at once.

Items stand in an order of n places. What each user saw is kept as sorted numbers user·n + place;
how many seen ones lie in a stretch of places is then the distance of two binary searches. What a
user saw only lately, in the few events after the history, is held apart with its step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NOWHERE = -1  # the place of an item that is not in the order


class Seen:
    """The places of one order that users saw, by when each decision is made."""

    __slots__ = ("_gaps", "_keys", "_late", "_row_start", "size")

    def __init__(self, users: Ints, places: Ints, late: Ints, size: int) -> None:
        """`users` and `places` of the history, `late` a row a user, a column a later event."""
        self.size = size
        keys = np.sort(users * size + places)  # nearly sorted already: quicker than np.unique
        self._keys = keys[np.r_[True, keys[1:] != keys[:-1]]]
        owners = self._keys // size
        self._row_start = np.searchsorted(owners, np.arange(len(late) + 1))
        missing_before = (
            self._keys - owners * size - (np.arange(len(owners)) - self._row_start[owners])
        )
        self._gaps = owners * (size + 1) + missing_before
        self._late = self._news(late)

    def has(self, users: Ints, steps: Ints, places: Ints) -> Bools:
        """Whether the user had seen this place after so many later events."""
        return self._in_history(users, places) | self._among_late(users, steps, places)

    def count(self, users: Ints, steps: Ints, first: Ints, last: Ints) -> Ints:
        """How many seen places lie from first up to, not including, last."""
        base = users * self.size
        old = np.searchsorted(self._keys, base + last) - np.searchsorted(self._keys, base + first)
        late = self._late[users]
        recent = (late >= first[:, None]) & (late < last[:, None]) & _before(steps, late.shape[1])
        return np.asarray(old + recent.sum(axis=1))

    def first_unseen(self, users: Ints, steps: Ints) -> Ints:
        """The first place that the user had not seen, NOWHERE if there is none left."""
        found = np.empty(len(users), dtype=np.int64)
        open_rows, nth = np.arange(len(users)), 0
        while len(open_rows):  # at most as often as there are late events
            who, when = users[open_rows], steps[open_rows]
            places = self._nth_missing(who, nth)
            found[open_rows] = places
            open_rows = open_rows[self._among_late(who, when, places)]
            nth += 1
        return np.where(found < self.size, found, NOWHERE)

    def _nth_missing(self, users: Ints, n: int) -> Ints:
        """The nth place (from 0) that the history lacks."""
        wanted = users * (self.size + 1) + n
        found = np.searchsorted(self._gaps, wanted, side="right")
        return np.asarray(n + found - self._row_start[users])

    def _in_history(self, users: Ints, places: Ints) -> Bools:
        wanted = users * self.size + places
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.asarray((self._keys[at] == wanted) & (places != NOWHERE))

    def _among_late(self, users: Ints, steps: Ints, places: Ints) -> Bools:
        late = self._late[users]
        return np.asarray(
            ((late == places[:, None]) & _before(steps, late.shape[1])).any(axis=1)
            & (places != NOWHERE)
        )

    def _news(self, late: Ints) -> Ints:
        """Later places without those seen before, in the history or later."""
        users = np.arange(len(late))
        news = late.copy()
        for step in range(late.shape[1]):
            known = self._in_history(users, late[:, step])
            known |= (late[:, :step] == late[:, step, None]).any(axis=1)
            news[known, step] = NOWHERE
        return news


def _before(steps: Ints, width: int) -> Bools:
    return np.asarray(np.arange(width) < steps[:, None])
