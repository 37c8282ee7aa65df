"""How much a tip engages a persona, and what follows: the published formula and a smoothed one.

Each formula says the engagement e; each habit says, for an e, the chances of the actions, how long
a person dwells, and the expected reward in closed form, which is what the oracle maximises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.special import ndtr, ndtri

from vibrator.rewards import PUBLISHED_REWARDS, RewardMap
from vibrator.simulate.personas import Persona
from vibrator.simulate.tips import Tip, staleness

MORNING, EVENING = range(5, 11), range(18, 23)
SATURDAY = 5
FASTEST, SLOWEST = 30.0, 1200.0  # seconds; median dwell of the smoothed habit at e = 1 and 0
DWELL_SPREAD = 0.6  # standard deviation of the log of the dwell
REFLEX_SHARE = 0.12  # of what is done without any engagement, ticked off unread
REFLEX_SECONDS = (2.0, 15.0)
Range = tuple[float, float]


def own_hour(persona: Persona, hour: int) -> float:
    """+0.15 in the persona's hours, −0.10 outside them, 0 for those who have none.

    >>> own_hour(Persona("a", morning_active=True), 8), own_hour(Persona("b"), 8)
    (0.15, 0.0)
    """
    if (persona.morning_active and hour in MORNING) or (persona.evening_active and hour in EVENING):
        return 0.15
    return -0.10 if persona.morning_active or persona.evening_active else 0.0


def _pull(persona: Persona, tip: Tip, hour: int) -> float:
    """The published sum before it is clipped."""
    e = 0.35 + ((tip.priority - 1) / 3 - 0.5) * persona.prefers_high_priority * 0.4
    if tip.is_overdue:
        e += (persona.prefers_overdue - 0.5) * 0.3
    return e + own_hour(persona, hour)


def published_engagement(
    persona: Persona, tip: Tip, hour: int, _day_of_week: int = 0, extra: float = 0.0
) -> float:
    """The published formula, clipped to 0.05 … 0.90; weekday and age do not matter to it."""
    return min(0.90, max(0.05, _pull(persona, tip, hour) + extra))


def smooth_engagement(
    persona: Persona, tip: Tip, hour: int, day_of_week: int, extra: float = 0.0
) -> float:
    """The same pull without a kink; stale tasks bore, and weekends are not for urgent work."""
    pull = _pull(persona, tip, hour) + extra - 0.15 * staleness(tip.task_age_days)
    if day_of_week >= SATURDAY:
        pull += 0.05 - 0.15 * (tip.priority - 1) / 3
    return 0.05 + 0.85 / (1.0 + math.exp(-5.0 * (pull - 0.45)))


class Habit(Protocol):
    """From an engagement to an action and a dwell, by two dice from 0 to 1."""

    def act(self, e: float, dice: Sequence[float]) -> tuple[str, int]:
        """The action and the dwell in milliseconds."""
        ...

    def expected(self, e: float, rewards: RewardMap = PUBLISHED_REWARDS) -> float:
        """The mean reward."""
        ...


SNOOZE_SECONDS, DISMISS_SECONDS = (3.0, 20.0), (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class PublishedHabit:
    """r < 0.55 e is done, r < e snoozed, the rest dismissed; dwell is uniform in three steps of e.

    >>> PublishedHabit().act(0.8, (0.1, 0.0))
    ('done', 15000)
    """

    def act(self, e: float, dice: Sequence[float]) -> tuple[str, int]:
        """The action and the dwell in milliseconds."""
        if dice[0] < 0.55 * e:
            return "done", _uniform_ms(self.done_seconds(e), dice[1])
        if dice[0] < e:
            return "snooze", _uniform_ms(SNOOZE_SECONDS, dice[1])
        return "dismiss", _uniform_ms(DISMISS_SECONDS, dice[1])

    @staticmethod
    def done_seconds(e: float) -> Range:
        """How long a task that gets done takes: the more engaging, the quicker."""
        if e >= 0.7:
            return 15.0, 90.0
        return (120.0, 480.0) if e >= 0.5 else (600.0, 1800.0)

    def expected(self, e: float, rewards: RewardMap = PUBLISHED_REWARDS) -> float:
        """The mean reward."""
        done = _mean_uniform("done", self.done_seconds(e), rewards)
        return _mix(0.55 * e, 0.45 * e, done, rewards)


@dataclass(frozen=True, slots=True)
class SmoothHabit:
    """The same shares, a log-normal dwell that shrinks smoothly with e, and now and then a reflex.

    The less engaged, the more of what is done is only ticked off, within 15 seconds.
    """

    def act(self, e: float, dice: Sequence[float]) -> tuple[str, int]:
        """The action and the dwell in milliseconds."""
        if dice[0] >= e:
            return "dismiss", _uniform_ms(DISMISS_SECONDS, dice[1])
        if dice[0] >= 0.55 * e:
            return "snooze", _uniform_ms(SNOOZE_SECONDS, dice[1])
        reflex = self.reflex(e)
        if dice[1] < reflex:
            return "done", _uniform_ms(REFLEX_SECONDS, dice[1] / reflex)
        level = (dice[1] - reflex) / (1.0 - reflex)
        seconds = math.exp(self.log_median(e) + DWELL_SPREAD * float(ndtri(max(level, 1e-12))))
        return "done", round(1000 * seconds)

    @staticmethod
    def reflex(e: float) -> float:
        """The share of what is done that is a reflex."""
        return REFLEX_SHARE * (1.0 - e)

    @staticmethod
    def log_median(e: float) -> float:
        """The log of the median dwell in seconds."""
        return math.log(SLOWEST) + e * math.log(FASTEST / SLOWEST)

    def expected(self, e: float, rewards: RewardMap = PUBLISHED_REWARDS) -> float:
        """The mean reward."""
        steps = rewards.steps["done"]
        below = [
            float(ndtr((math.log(bound / 1000) - self.log_median(e)) / DWELL_SPREAD))
            for bound, _ in steps
        ]
        worth = [reward for _, reward in steps]
        attentive = sum(
            r * (high - low) for r, low, high in zip(worth, [0.0, *below], below, strict=False)
        )
        reflex = self.reflex(e)
        done = reflex * _mean_uniform("done", REFLEX_SECONDS, rewards) + (1 - reflex) * attentive
        return _mix(0.55 * e, 0.45 * e, done, rewards)


def _mix(done_share: float, snooze_share: float, done: float, rewards: RewardMap) -> float:
    snooze = _mean_uniform("snooze", SNOOZE_SECONDS, rewards)
    dismiss = _mean_uniform("dismiss", DISMISS_SECONDS, rewards)
    return done_share * done + snooze_share * snooze + (1 - done_share - snooze_share) * dismiss


def _uniform_ms(seconds: Range, die: float) -> int:
    return int(1000 * (seconds[0] + (seconds[1] - seconds[0]) * die))


def _mean_uniform(action: str, seconds: Range, rewards: RewardMap) -> float:
    """The mean of a step function over a uniform dwell."""
    low, high = 1000 * seconds[0], 1000 * seconds[1]
    total, before = 0.0, 0.0
    for bound, reward in rewards.steps[action]:
        total += reward * max(0.0, min(bound, high) - max(before, low))
        before = bound
    return total / (high - low)
