"""A world of personas: events that come out the same for every policy that is tried on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vibrator.checks import require_share
from vibrator.errors import BadInput
from vibrator.simulate.judges import Judge, RuleJudge, Verdict
from vibrator.simulate.personas import Persona, by_day, standard_world
from vibrator.simulate.tips import Tip, draw_tips, features_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIRST_HOUR, LAST_HOUR = 6, 23
JUDGE_STREAM, POLICY_STREAM = 1, 2


@dataclass(frozen=True, slots=True)
class World:
    """Who lives in it, who judges, and how rewards come back.

    An event shows one of `candidates` tips to one persona. Its reward comes after a geometric
    number of events with mean `mean_delay`, and never with the chance `missing`.
    """

    personas: tuple[Persona, ...] = field(default_factory=standard_world)
    judge: Judge = field(default_factory=RuleJudge)
    candidates: int = 5
    events_a_day: int = 50
    mean_delay: float = 0.0
    missing: float = 0.0

    def __post_init__(self) -> None:
        if not self.personas:
            raise BadInput("a world needs at least one persona")
        for name in ("candidates", "events_a_day"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.mean_delay >= 0:
            raise BadInput(f"mean_delay must not be negative, got {self.mean_delay!r}")
        require_share("missing", self.missing)

    @property
    def knows_expectations(self) -> bool:
        """Whether the judge can say expected rewards, so that there is an oracle."""
        return hasattr(self.judge, "expected")


@dataclass(frozen=True, slots=True)
class Event:
    """One moment at which something may be shown."""

    number: int
    persona: Persona
    tips: tuple[Tip, ...]
    hour: int
    day_of_week: int
    features: Floats
    due: int | None  # the number of the event before which the reward arrives; none: never


class Episode:
    """All events of one seed; the dice of an event are its own, whoever is judged in it."""

    def __init__(self, world: World, seed: int, count: int) -> None:
        if count < 1 or seed < 0:
            raise BadInput(f"an episode needs events and a seed from 0, got {count} and {seed}")
        self.world, self.seed = world, seed
        self.events = _events(world, count, np.random.default_rng(seed))
        self._verdicts: dict[tuple[int, int], Verdict] = {}

    def verdict(self, event: Event, place: int) -> Verdict:
        """What the persona does with the tip at this place; the same whenever asked."""
        key = event.number, place
        if key not in self._verdicts:
            dice = np.random.default_rng([self.seed, JUDGE_STREAM, event.number])
            self._verdicts[key] = self.world.judge.judge(
                event.persona, event.tips[place], event.hour, event.day_of_week, dice
            )
        return self._verdicts[key]

    def expected(self) -> Floats | None:
        """The mean reward of every tip at every event, if the judge knows it."""
        if not self.world.knows_expectations:
            return None
        mean = self.world.judge.expected  # type: ignore[attr-defined]
        return np.array(
            [[mean(e.persona, tip, e.hour, e.day_of_week) for tip in e.tips] for e in self.events]
        )


def _events(world: World, count: int, rng: np.random.Generator) -> list[Event]:
    days = -(-count // world.events_a_day)
    people = [by_day(person, days, rng) for person in world.personas]
    who = rng.integers(len(people), size=count)
    hours = rng.integers(FIRST_HOUR, LAST_HOUR + 1, size=count)
    delays = rng.geometric(1.0 / (world.mean_delay + 1.0), size=count)
    lost = rng.random(count) < world.missing
    tips = draw_tips(rng, count * world.candidates)
    events = []
    for n in range(count):
        day, hour = n // world.events_a_day, int(hours[n])
        shown = tips[n * world.candidates : (n + 1) * world.candidates]
        events.append(
            Event(
                n,
                people[who[n]][day],
                tuple(shown),
                hour,
                day % 7,
                features_of(shown, hour, day % 7),
                None if lost[n] else n + int(delays[n]),
            )
        )
    return events
