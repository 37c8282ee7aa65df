"""The judge of a replay: what a slate would have brought, given what the user did next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vibrator.intent.log import Timeline
from vibrator.intent.points import Points
from vibrator.intent.policies import Slates
from vibrator.intent.unseen import NOWHERE, Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The popular items in two orders: all of them, and category by category."""

    place: Ints  # of each item among all, NOWHERE if no history has it
    place_by_category: Ints
    category: Ints  # of each item, n_categories where unknown
    popular: Ints
    start: Ints  # of each category in the second order
    keys: Ints  # of the second order: category · size + place among all, rising

    @classmethod
    def of(cls, timeline: Timeline, *, paper: bool) -> Shelf:
        """From the histories of a timeline; a shelf knows nothing of the events to come."""
        popular = timeline.popular(paper=paper)
        size, width = len(popular), timeline.n_categories
        category = np.where(timeline.item_category < 0, width, timeline.item_category)
        by_category = np.argsort(category[popular], kind="stable")
        keys = category[popular][by_category] * size + by_category
        return cls(
            place=_places(popular, len(category)),
            place_by_category=_places(popular[by_category], len(category)),
            category=category,
            popular=popular,
            start=np.searchsorted(keys, np.arange(width + 2) * size),
            keys=keys,
        )

    @property
    def size(self) -> int:
        """How many items stand on it."""
        return len(self.popular)


class Judge:
    """What a slate would have brought at every decision point."""

    def __init__(self, points: Points, shelf: Shelf, trust_weight: float) -> None:
        self.points, self.shelf, self.trust_weight = points, shelf, trust_weight
        self._by_popularity = self._seen(shelf.place)
        self._by_category = self._seen(shelf.place_by_category)

    def net(self, slates: Slates) -> Floats:
        """Conversions less what breaches of trust cost."""
        return self.conversion(slates) - self.trust_weight * self.trust(slates)

    def conversion(self, slates: Slates) -> Floats:
        """1 where the slate holds the item that came next."""
        own = self.shelf.category[self.points.target]
        turn = np.where(slates.category < 0, self._turn_among_all, self._turn_in_category)
        others = np.flatnonzero((slates.category >= 0) & (slates.category != own))
        turn[others] = self._turn_as_filler(others, slates.category[others])
        return np.asarray(self._can_be_shown & (turn < slates.size), dtype=np.float64)

    def trust(self, slates: Slates) -> Floats:
        """1 where the first item's category is known and none of the two strongest slow ones."""
        first = self._first_category(slates)
        known = (first >= 0) & (first < len(self.shelf.start) - 2) & (self.points.strong[:, 0] >= 0)
        breach = known & (first[:, None] != self.points.strong).all(axis=1)
        return np.asarray(breach & (slates.size > 0), dtype=np.float64)

    def shown(self, slates: Slates) -> Floats:
        """1 where the slate holds anything."""
        return np.asarray((slates.size > 0) & (self._most_popular != NOWHERE), dtype=np.float64)

    def _seen(self, places: Ints) -> Seen:
        points = self.points
        late = np.where(points.later_item == NOWHERE, NOWHERE, places[points.later_item])
        return Seen(points.history_user, places[points.history_item], late, self.shelf.size)

    @cached_property
    def _can_be_shown(self) -> Bools:
        points, place = self.points, self.shelf.place[self.points.target]
        seen = self._by_popularity.has(points.user, points.step, place)
        return np.asarray((place != NOWHERE) & ~seen)

    @cached_property
    def _most_popular(self) -> Ints:
        return self._by_popularity.first_unseen(self.points.user, self.points.step)

    @cached_property
    def _turn_among_all(self) -> Ints:
        """How many unseen items are more popular than the target."""
        place = self.shelf.place[self.points.target]
        return place - self._by_popularity.count(
            self.points.user, self.points.step, np.zeros_like(place), place
        )

    @cached_property
    def _turn_in_category(self) -> Ints:
        """How many unseen items of its category are more popular than the target."""
        place = self.shelf.place_by_category[self.points.target]
        first = self.shelf.start[self.shelf.category[self.points.target]]
        return (
            place
            - first
            - self._by_category.count(self.points.user, self.points.step, first, place)
        )

    def _turn_as_filler(self, rows: Ints, category: Ints) -> Ints:
        """How many unseen items stand before the target once those of another category led."""
        points, shelf = self.points, self.shelf
        first, place = shelf.start[category], shelf.place[points.target[rows]]
        middle = np.searchsorted(shelf.keys, category * shelf.size + place)
        seen_before = self._by_category.count(points.user[rows], points.step[rows], first, middle)
        unseen_before = middle - first - seen_before
        return self._left_in(rows, category) + self._turn_among_all[rows] - unseen_before

    def _left_in(self, rows: Ints, category: Ints) -> Ints:
        """How many items of a category are unseen."""
        first, last = self.shelf.start[category], self.shelf.start[category + 1]
        points = self.points
        return (
            last
            - first
            - self._by_category.count(points.user[rows], points.step[rows], first, last)
        )

    def _first_category(self, slates: Slates) -> Ints:
        """The category of the first item of every slate that is not empty."""
        popular = self._most_popular
        first = np.where(
            popular == NOWHERE, NOWHERE, self.shelf.category[self.shelf.popular[popular]]
        )
        led = np.flatnonzero(slates.category >= 0)
        left = self._left_in(led, slates.category[led]) > 0
        first[led[left]] = slates.category[led[left]]
        return first


def _places(order: Ints, count: int) -> Ints:
    places = np.full(count, NOWHERE, dtype=np.int64)
    places[order] = np.arange(len(order))
    return places
