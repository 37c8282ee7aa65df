"""Synthetic people with planted preferences: what they do, see and like, from a known model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count as numbers
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vibrator.actions import UserAction
from vibrator.checks import (
    require_aware,
    require_count,
    require_finite,
    require_place,
    require_positive,
    require_share,
)
from vibrator.errors import BadInput
from vibrator.stores.ports import Item
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

START = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK = 1_024  # actions drawn at a time; part of what a seed means
DAY = timedelta(days=1)
HOURS = 24
PEAK_WIDTH = 4.0  # hours around the peak in which somebody is up and about
MOST_A_DAY = 1e9  # actions of all together: more would fall into one microsecond
KINDS = ("write", "click", "react", "read", "share")
KIND_SHARES = np.cumsum([0.20, 0.40, 0.10, 0.20, 0.10])


class Topic(NamedTuple):
    """A slider's words, and subjects and angles from which texts about it are put together."""

    slider: str
    subjects: tuple[str, ...]
    angles: tuple[str, ...]

    def text(self, draw: float) -> str:
        """The text at this place (from 0 to 1) among all pairs of subject and angle."""
        place = int(draw * len(self.subjects) * len(self.angles))
        subject, angle = divmod(place, len(self.angles))
        return self.angles[angle].format(self.subjects[subject])


TOPICS: Mapping[str, Topic] = {
    "depth": Topic(
        "detailed technical documentation",
        ("the query planner", "gRPC streaming", "the storage engine", "memory allocators",
         "the job scheduler", "write-ahead logs", "TLS handshakes", "the type checker"),
        ("reference manual of {}", "how {} works inside, in detail", "every parameter of {}",
         "a technical deep dive into {}", "design notes on {} with diagrams"),
    ),
    "kitchen": Topic(
        "quick weeknight recipes",
        ("chickpeas and lemon", "one pan pasta", "red lentil soup", "fried rice with egg",
         "sheet pan gnocchi", "black bean tacos", "miso noodles", "a potato omelette"),
        ("dinner in twenty minutes: {}", "an easy recipe for {}", "{} for a busy weeknight",
         "five ingredients: {}", "how to cook {} in one pan"),
    ),
    "trails": Topic(
        "long mountain trails",
        ("the ridge path", "the high pass", "the glacier valley", "the three peaks",
         "the coastal cliffs", "the old border trail", "the lake loop", "the north face"),
        ("three days on foot along {}", "trail running over {}", "a hiking map of {}",
         "hut to hut: {}", "mountain weather on {}"),
    ),
    "calm": Topic(
        "relaxing music for meditation",
        ("slow piano", "rain on a tent", "a singing bowl", "soft strings", "a quiet harp",
         "ocean waves", "ambient drones", "a bamboo flute"),
        ("an hour of {} to relax", "fall asleep to {}", "meditate with {}",
         "breathing exercises and {}", "calm music: {}"),
    ),
    "thrift": Topic(
        "saving money on everyday things",
        ("groceries", "the electricity bill", "phone contracts", "train tickets",
         "second-hand clothes", "bank fees", "car insurance", "heating"),
        ("save money on {}", "spend less on {} every month", "cheap ways to handle {}",
         "a budget for {}", "discounts and vouchers for {}"),
    ),
    "garden": Topic(
        "growing vegetables in the garden",
        ("tomatoes", "climbing beans", "dahlias", "salad on a balcony", "raspberries",
         "garlic", "roses", "compost"),
        ("when to plant {}", "how to grow {}", "the best soil for {}",
         "pests and diseases of {}", "a gardener's year with {}"),
    ),
    "football": Topic(
        "football match results",
        ("the cup final", "the derby", "the league table", "the transfer window",
         "the penalty shoot-out", "the away game", "the national team", "the young striker"),
        ("match report: {}", "goals and highlights of {}", "tactics before {}",
         "the coach speaks about {}", "football podcast on {}"),
    ),
    "history": Topic(
        "history of everyday life",
        ("medieval bakers", "the silk road", "Victorian postmen", "ancient Rome",
         "the first railways", "Ottoman coffee houses", "the printing press", "Viking farms"),
        ("a historian on {}", "letters from the time of {}", "the forgotten history of {}",
         "a museum shows {}", "what the archives say about {}"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SyntheticPerson:
    """Somebody whose preferences are known: shares over sliders, at first and after drifting."""

    user_id: str
    at_first: Mapping[str, float]
    at_last: Mapping[str, float]
    peak_hour: float


class Shown(NamedTuple):
    """An item that was shown to somebody, the chance that they would like it, and whether."""

    user_id: str
    item: Item
    at: datetime
    probability: float
    positive: bool


@dataclass(frozen=True, kw_only=True)
class SyntheticWorld:
    """People, what they do and what they like, all of it decided by the seed.

    Preferences are drawn from a Dirichlet distribution: the lower `concentration`, the more
    somebody cares for a single slider. By the end of `drift_over` a share `drift` of them has been
    replaced. Somebody whose share in a slider is s likes its items with probability
    σ(bias + gain · s). Everybody acts around a peak hour (UTC) of their own, so many times a day on
    average. Streams have no end: a longer one begins like a shorter one.

    >>> world = SyntheticWorld(seed=7, people=3)
    >>> [action.content for action in world.actions(2)] == [
    ...     action.content for action in islice(world.actions(5), 2)]
    True
    """

    seed: int = 0
    people: int = 100
    sliders: int = 5
    concentration: float = 0.3
    drift: float = 0.0
    drift_over: timedelta = timedelta(days=30)
    actions_per_day: float = 2.0
    start: datetime = START
    bias: float = -2.0
    gain: float = 4.0
    noise: float = 0.1

    def __post_init__(self) -> None:
        require_place("seed", self.seed)
        require_count("people", self.people)
        synthetic_slider_texts(self.sliders)
        for name in ("concentration", "actions_per_day"):
            require_positive(name, getattr(self, name))
        for name in ("drift", "noise"):
            require_share(name, getattr(self, name))
        for name in ("bias", "gain"):
            require_finite(name, getattr(self, name))
        if not isinstance(self.drift_over, timedelta) or self.drift_over <= timedelta(0):
            raise BadInput(f"drift_over must be a positive timedelta, got {self.drift_over!r}")
        if self.actions_per_day * self.people > MOST_A_DAY:
            together = f"{self.actions_per_day:g} of {self.people} people"
            raise BadInput(f"actions a day must be at most {MOST_A_DAY:g} in all, got {together}")
        object.__setattr__(self, "start", require_aware("start", self.start))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The sliders, in order."""
        return tuple(synthetic_slider_texts(self.sliders))

    def persons(self) -> Iterator[SyntheticPerson]:
        """Everybody, with their planted preferences."""
        for n, (first, last, peak) in enumerate(
            zip(*self._preferences, self._peaks.tolist(), strict=True)
        ):
            at_first, at_last = (
                dict(zip(self.names, row.tolist(), strict=True)) for row in (first, last)
            )
            yield SyntheticPerson(f"person-{n}", at_first, at_last, peak)

    def preferences(self, at: datetime) -> Floats:
        """A row a person, a column a slider: their shares at a moment."""
        first, last = self._preferences
        passed = require_aware("at", at) - self.start
        moved = float(np.clip(passed / self.drift_over, 0.0, 1.0))
        return (1.0 - moved) * first + moved * last

    def probability(self, shares: float) -> float:
        """The chance that somebody with this share in a slider likes one of its items."""
        return float(sigmoid(self.bias + self.gain * require_share("shares", shares)))

    def actions(self, count: int) -> Iterator[UserAction]:
        """What people do, in order of time."""
        return islice(self._actions(), require_place("count", count))

    def shown(self, count: int) -> Iterator[Shown]:
        """Items at random shown to people at random, and whether they liked them."""
        return islice(self._shown(), require_place("count", count))

    @cached_property
    def _preferences(self) -> tuple[Floats, Floats]:
        rng = self._rng(0)
        alpha = np.full(self.sliders, self.concentration)
        first, other = (rng.dirichlet(alpha, self.people) for _ in range(2))
        return first, (1.0 - self.drift) * first + self.drift * other

    @cached_property
    def _peaks(self) -> Floats:
        return self._rng(1).choice([7.0, 12.5, 20.0], self.people) + self._rng(2).normal(
            0.0, 1.0, self.people
        )

    @cached_property
    def _sums(self) -> Floats:
        """Running sums of the first preferences, from which a slider is drawn."""
        return np.cumsum(self._preferences[0], axis=1)

    @cached_property
    def _awake(self) -> Floats:
        """A row an hour: running sums of everybody's activity, from which one is drawn."""
        apart = np.arange(HOURS)[:, None] + 0.5 - self._peaks
        apart = (apart + HOURS / 2) % HOURS - HOURS / 2
        return np.cumsum(np.exp(-0.5 * (apart / PEAK_WIDTH) ** 2), axis=1)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def _draws(self, stream: int, columns: int) -> Iterator[list[float]]:
        """Rows of numbers from 0 to 1, without end."""
        for block in numbers():
            yield from self._rng(stream, block).random((BLOCK, columns)).tolist()

    def _arrivals(self, stream: int) -> Iterator[tuple[datetime, int]]:
        """Moments without end, and who is up then.

        Moments come as fast as at the busiest hour, and are let through by how busy theirs is.
        """
        busy = self._awake[:, -1]
        gap = busy.mean() / busy.max() / (self.actions_per_day * self.people)
        at = self.start
        for wait, luck, who in self._draws(stream, 3):
            try:
                at += DAY * float(-np.log1p(-wait) * gap)
            except OverflowError:
                raise BadInput(
                    f"so many at {self.actions_per_day:g} a day would end after the year 9999"
                ) from None
            awake = self._awake[at.hour]
            if luck * busy.max() < awake[-1]:
                person = int(np.searchsorted(awake, who * awake[-1]))
                yield at, min(person, self.people - 1)

    def _actions(self) -> Iterator[UserAction]:
        for (at, person), draws in zip(self._arrivals(3), self._draws(4, 4), strict=False):
            stray, topic, kind, words = draws
            chosen = (
                int(topic * self.sliders) if stray < self.noise else self._slider(person, at, topic)
            )
            yield UserAction(
                KINDS[int(np.searchsorted(KIND_SHARES, kind * KIND_SHARES[-1]))],
                TOPICS[self.names[chosen]].text(words),
                timestamp=at,
                user_id=f"person-{person}",
            )

    def _slider(self, person: int, at: datetime, draw: float) -> int:
        moved = np.cumsum(self._shares(person, at)) if self.drift else self._sums[person]
        return min(int(np.searchsorted(moved, draw)), self.sliders - 1)

    def _shares(self, person: int, at: datetime) -> Floats:
        first, last = self._preferences
        moved = min((at - self.start) / self.drift_over, 1.0)
        return np.asarray((1.0 - moved) * first[person] + moved * last[person])

    def _shown(self) -> Iterator[Shown]:
        items = synthetic_item_corpus(None, self.seed, sliders=self.sliders)
        for (at, person), item, (luck,) in zip(
            self._arrivals(5), items, self._draws(6, 1), strict=False
        ):
            shares = self._shares(person, at)
            chance = self.probability(shares[self.names.index(item.attributes["slider"])])
            yield Shown(f"person-{person}", item, at, chance, luck < chance)


def synthetic_slider_texts(sliders: int = 5) -> dict[str, str]:
    """Names and texts of the first so many sliders.

    >>> synthetic_slider_texts(2)
    {'depth': 'detailed technical documentation', 'kitchen': 'quick weeknight recipes'}
    """
    if require_count("sliders", sliders) > len(TOPICS):
        raise BadInput(f"sliders must lie from 1 to {len(TOPICS)}, got {sliders!r}")
    return {name: topic.slider for name, topic in islice(TOPICS.items(), sliders)}


def synthetic_item_corpus(count: int | None, seed: int = 0, *, sliders: int = 5) -> Iterator[Item]:
    """Items about the sliders, each drawn evenly; their attribute `slider` says which it is about.

    `None` gives items without end. Texts repeat after some dozens a slider; ids do not.
    """
    names = list(synthetic_slider_texts(sliders))
    endless = _items(names, require_place("seed", seed))
    return endless if count is None else islice(endless, require_place("count", count))


def synthetic_actions(
    count: int, seed: int = 0, *, world: SyntheticWorld | None = None
) -> Iterator[UserAction]:
    """So many actions of a synthetic world (one of a hundred people, unless given).

    A world brings its own seed.

    >>> [action.user_id for action in synthetic_actions(2, seed=1)] == [
    ...     action.user_id for action in synthetic_actions(2, seed=1)]
    True
    """
    if world is None:
        return SyntheticWorld(seed=seed).actions(count)
    if not isinstance(world, SyntheticWorld):
        raise BadInput(f"world must be a SyntheticWorld, got {world!r:.60}")
    if seed not in (0, world.seed):
        raise BadInput(f"the world given has the seed {world.seed}, and cannot have {seed!r} too")
    return world.actions(count)


def _items(names: list[str], seed: int) -> Iterator[Item]:
    rng = np.random.default_rng([seed, 7])
    for place in numbers():
        if place % BLOCK == 0:
            draws = rng.random((BLOCK, 2))
        about, words = draws[place % BLOCK].tolist()
        name = names[int(about * len(names))]
        yield Item(
            item_id=f"item-{place}", text=TOPICS[name].text(words), attributes={"slider": name}
        )
