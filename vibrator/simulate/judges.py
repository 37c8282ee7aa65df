"""Who says what a persona does with a tip: rules, a command, or a log played back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput, ModelUnavailable, UnknownName
from vibrator.rewards import PUBLISHED_REWARDS, RewardMap
from vibrator.simulate.engagement import (
    Habit,
    PublishedHabit,
    SmoothHabit,
    published_engagement,
    smooth_engagement,
)
from vibrator.simulate.personas import Persona
from vibrator.simulate.tips import Tip

ACTIONS = ("done", "snooze", "dismiss")
COMMAND_SECONDS = 30.0


class Verdict(NamedTuple):
    """What the persona did, for how long, and what that is worth."""

    action: str
    dwell_ms: int
    reward: float


@runtime_checkable
class Judge(Protocol):
    """Says what a persona does with a tip at an hour of a weekday."""

    def judge(
        self, persona: Persona, tip: Tip, hour: int, day_of_week: int, rng: np.random.Generator
    ) -> Verdict:
        """The same dice give the same verdict."""
        ...


Engagement = Callable[..., float]
Taste = Callable[[Persona, Tip], float]
RULES: dict[str, tuple[Engagement, Habit]] = {
    "published": (published_engagement, PublishedHabit()),
    "smooth": (smooth_engagement, SmoothHabit()),
}


@dataclass(frozen=True, slots=True)
class RuleJudge:
    """The published formula, or the smoothed one in which age, weekday and reflex matter.

    `taste` adds to the engagement what the persona thinks of the words.

    >>> ada, tip = Persona("Ada", prefers_high_priority=1.0), Tip("t", "pay rent", priority=4)
    >>> RuleJudge().judge(ada, tip, 8, 0, np.random.default_rng(0)).action
    'dismiss'
    """

    rules: str = "published"
    rewards: RewardMap = PUBLISHED_REWARDS
    taste: Taste | None = None

    def __post_init__(self) -> None:
        if self.rules not in RULES:
            raise UnknownName(f"no rules {self.rules!r}; known: {sorted(RULES)}")

    def judge(
        self, persona: Persona, tip: Tip, hour: int, day_of_week: int, rng: np.random.Generator
    ) -> Verdict:
        """Two dice, or three with a noisy persona."""
        dice = rng.random(2).tolist()
        shift = persona.noise * float(rng.standard_normal()) if persona.noise else 0.0
        e = self.engagement(persona, tip, hour, day_of_week, shift)
        action, dwell_ms = RULES[self.rules][1].act(e, dice)
        return Verdict(action, dwell_ms, self.rewards.reward(action, dwell_ms))

    def engagement(
        self, persona: Persona, tip: Tip, hour: int, day_of_week: int, shift: float = 0.0
    ) -> float:
        """How much the tip engages, from 0.05 to 0.90."""
        extra = shift if self.taste is None else shift + self.taste(persona, tip)
        return RULES[self.rules][0](persona, tip, hour, day_of_week, extra)

    def expected(self, persona: Persona, tip: Tip, hour: int, day_of_week: int) -> float:
        """The mean reward of showing this tip (of a noisy persona: at its usual engagement)."""
        e = self.engagement(persona, tip, hour, day_of_week)
        return RULES[self.rules][1].expected(e, self.rewards)


@dataclass(frozen=True, slots=True)
class CommandJudge:
    """A local program: one JSON object on stdin, the action (or {"action", "dwell_ms"}) on stdout.

    The program runs without a shell; an answer that is no action is refused, not guessed.
    """

    command: tuple[str, ...]
    rewards: RewardMap = PUBLISHED_REWARDS
    seconds: float = COMMAND_SECONDS
    dwell: RuleJudge = field(default_factory=RuleJudge)

    def __post_init__(self) -> None:
        if not self.command:
            raise BadInput("a command judge needs the name of a program")

    def judge(
        self, persona: Persona, tip: Tip, hour: int, day_of_week: int, rng: np.random.Generator
    ) -> Verdict:
        """Ask the program; a dwell it does not say is drawn as the rules would."""
        asked = json.dumps(question(persona, tip, hour, day_of_week))
        answer = self._run(asked)
        try:
            read: Any = json.loads(answer)
        except ValueError:
            read = {"action": answer.strip()}
        if not isinstance(read, Mapping) or read.get("action") not in ACTIONS:
            raise ModelUnavailable(f"{self.command[0]} answered none of {ACTIONS}")
        e = self.dwell.engagement(persona, tip, hour, day_of_week)
        dwell_ms = read.get("dwell_ms", dwell_of(read["action"], e, rng))
        return Verdict(read["action"], dwell_ms, self.rewards.reward(read["action"], dwell_ms))

    def _run(self, asked: str) -> str:
        try:
            ended = subprocess.run(  # noqa: S603  the caller's own command, without a shell
                list(self.command), input=asked, capture_output=True, text=True,
                timeout=self.seconds, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ModelUnavailable(f"{self.command[0]} cannot judge: {error}") from None
        if ended.returncode:
            raise ModelUnavailable(f"{self.command[0]} ended with status {ended.returncode}")
        return ended.stdout


class ReplayJudge:
    """A log played back: an outcome drawn from those that this kind of tip met at this time of day.

    Kinds are priority × overdue × period; a kind that the log never saw is refused.
    """

    def __init__(
        self,
        log: Iterable[tuple[Decision, Outcome]],
        *,
        rewards: RewardMap = PUBLISHED_REWARDS,
    ) -> None:
        """Decisions must carry priority, is_overdue and hour in their context."""
        self.rewards = rewards
        self._seen: dict[tuple[int, bool, str], list[tuple[str, float]]] = {}
        for decision, outcome in log:
            known = decision.context
            try:
                kind = (known["priority"], known["is_overdue"], period(known["hour"]))
            except KeyError as missing:
                raise BadInput(f"{decision.decision_id}: context lacks {missing}") from None
            self._seen.setdefault(kind, []).append((outcome.what, outcome.dwell_ms or 0.0))

    def judge(
        self, _persona: Persona, tip: Tip, hour: int, _day_of_week: int, rng: np.random.Generator
    ) -> Verdict:
        """One of the logged outcomes, each alike."""
        kind = (tip.priority, tip.is_overdue, period(hour))
        if kind not in self._seen:
            raise UnknownName(f"the log has no tip of the kind {kind}")
        met = self._seen[kind]
        action, dwell_ms = met[int(rng.random() * len(met))]
        return Verdict(action, int(dwell_ms), self.rewards.reward(action, dwell_ms))


def period(hour: int) -> str:
    """The part of the day.

    >>> [period(hour) for hour in (7, 13, 20, 2)]
    ['morning', 'day', 'evening', 'night']
    """
    if 5 <= hour <= 10:
        return "morning"
    if 18 <= hour <= 22:
        return "evening"
    return "day" if 11 <= hour <= 17 else "night"


def question(persona: Persona, tip: Tip, hour: int, day_of_week: int) -> dict[str, Any]:
    """Everything a judge from outside is told."""
    return {
        "persona": persona.name,
        "description": persona.description,
        "tip": tip.content,
        "priority": tip.priority,
        "is_overdue": tip.is_overdue,
        "task_age_days": round(tip.task_age_days, 2),
        "hour": hour,
        "period": period(hour),
        "day_of_week": day_of_week,
    }


def dwell_of(action: str, e: float, rng: np.random.Generator) -> int:
    """How long the published habit dwells over an action that somebody else has chosen."""
    dice = {"done": 0.0, "snooze": 0.56 * e, "dismiss": 1.0}
    return PublishedHabit().act(e, (dice[action], float(rng.random())))[1]


def judge(  # noqa: PLR0913  the published signature
    persona: Persona,
    tip: Tip,
    hour: int,
    day_of_week: int,
    rng: np.random.Generator,
    use_llm: bool = False,  # noqa: FBT001, FBT002  the published signature
    *,
    llm: Judge | None = None,
) -> Verdict:
    """What the persona does with the tip, by the rules or, if asked for, by a language model."""
    if not use_llm:
        return RuleJudge().judge(persona, tip, hour, day_of_week, rng)
    if llm is None:
        raise ModelUnavailable("use_llm needs a judge with a model: llm=LLMJudge(...)")
    return llm.judge(persona, tip, hour, day_of_week, rng)
