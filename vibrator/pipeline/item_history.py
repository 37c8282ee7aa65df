"""What everybody did with each item so far: how often, how well received, since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.actions import UserAction
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

UNKNOWN = -1  # the place of an item that nobody has touched
SHRINKING = 5.0  # events that the mean of all items counts for in the mean of one


class Standing(NamedTuple):
    """Items as of some moments: mean weight, shrunk to that of all items, and how many events."""

    mean: Floats
    events: Floats


class ItemHistory:
    """Events (who, which item, when, with what weight) that can be asked as of any moment.

    An answer as of a moment holds what happened strictly before it, never the event that is being
    predicted. An item is known by its words.

    >>> history = ItemHistory(["ada", "bruno"], ["soup", "soup"], [1.0, 2.0], [1.0, -1.0])
    >>> history.standing(history.places(["soup", "soup"]), np.array([1.0, 2.0])).events
    array([0, 1])
    """

    def __init__(
        self,
        users: Sequence[Any],
        items: Sequence[str],
        times: Any,  # numbers
        weights: Any,
    ) -> None:
        if not len(users) == len(items) == len(times) == len(weights):
            raise BadInput("users, items, times and weights must be of one length")
        when = np.asarray(times, dtype=np.float64)
        if not np.isfinite(when).all():
            raise BadInput("times must be finite")
        self.items = list(dict.fromkeys(items))
        self._place = {item: place for place, item in enumerate(self.items)}
        names = {user: place for place, user in enumerate(dict.fromkeys(users))}
        order = np.argsort(when, kind="stable")
        self.times = when[order]
        self.places_of_events = np.array([self._place[item] for item in items], np.intp)[order]
        self.users = np.array([names[user] for user in users], np.intp)[order]
        self.weights = np.asarray(weights, dtype=np.float64)[order]
        self._index()

    @classmethod
    def of_actions(cls, actions: Iterable[UserAction]) -> ItemHistory:
        """The actions that have a time and a user."""
        told = [a for a in actions if a.timestamp is not None and a.user_id is not None]
        return cls(
            [a.user_id for a in told],
            [a.content for a in told],
            [a.timestamp.timestamp() for a in told],  # type: ignore[union-attr]
            [a.weight for a in told],
        )

    def __len__(self) -> int:
        return self.times.size

    def places(self, items: Iterable[str]) -> Places:
        """Where items stand; UNKNOWN for those nobody has touched."""
        return np.array(self.listed(items), dtype=np.intp)

    def listed(self, items: Iterable[str]) -> list[int]:
        """The same as a list, which a few are quicker as."""
        place = self._place
        return [place.get(item, UNKNOWN) for item in items]

    def standing(self, places: Places, moments: Any) -> Standing:
        """How items stood just before moments, which have the shape of the places."""
        ticks = self._ticks.searchsorted(moments)
        start = self._starts[places]
        end = self._keys.searchsorted(self._marks[places] + ticks)
        count = end - start
        total = self._sums[end] - self._sums[start]
        return Standing((total + self._prior[ticks]) / (count + SHRINKING), count)

    def age(self, places: Places | int, moments: Any) -> Floats:
        """Seconds since an item's first event, 0 where it had none."""
        return np.asarray(np.maximum(moments - self._first[places], 0.0))

    def began(self) -> Floats:
        """When each event's person was first seen."""
        first = np.full(int(self.users.max(initial=-1)) + 1, np.inf)
        np.minimum.at(first, self.users, self.times)
        return np.asarray(first[self.users])

    def residuals(self) -> Floats:
        """Each event's weight less what its item's standing let expect."""
        stood = self.standing(self.places_of_events, self.times)
        return np.asarray(self.weights - stood.mean)

    def _index(self) -> None:
        self._ticks = np.unique(self.times)
        self._stride = len(self._ticks) + 1
        ticks = np.searchsorted(self._ticks, self.times)
        keys = self.places_of_events * self._stride + ticks
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._sums = np.concatenate([[0.0], np.cumsum(self.weights[order])])
        all_sums = np.concatenate([[0.0], np.cumsum(self.weights)])
        before = np.searchsorted(self.times, np.append(self._ticks, np.inf))
        self._prior = SHRINKING * all_sums[before] / (before + SHRINKING)  # at each tick
        size = len(self.items)  # one place more, the last, is that of unknown items: no events
        self._marks = np.arange(size + 1) * self._stride
        self._starts = np.append(np.searchsorted(self._keys, self._marks[:size]), len(self))
        self._first = np.append(self.times[order][self._starts[:size]], np.inf)
