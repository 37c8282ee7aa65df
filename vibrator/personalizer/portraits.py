"""What is known, in words: of one person, and of the whole log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from vibrator.actions import UserAction
from vibrator.decisions import Decision, Outcome
from vibrator.pipeline import SliderScorer
from vibrator.profile import Profile

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A person as of now: the sliders nearest to them, and the actions that say so.

    `sliders` gives each slider's cosine with the person, best first; `actions` gives the recent
    actions with their share of the person's vector, heaviest first.
    """

    user_id: str
    at: datetime
    events: int
    evidence: float
    last_seen: datetime | None
    counts: Mapping[str, int]
    sliders: tuple[tuple[str, float], ...]
    actions: tuple[tuple[UserAction, float], ...]

    def __str__(self) -> str:
        if not self.events:
            return f"{self.user_id}: nothing is known yet; observe(…) comes first"
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        lines = [f"{self.user_id}: {self.events} actions ({kinds}), evidence {self.evidence:.1f}"]
        lines += [f"  {value:+.2f}  {name}" for name, value in self.sliders[:SHOWN]]
        lines += [f"  {share:5.0%}  {a.instruction()}" for a, share in self.actions[:SHOWN]]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "user_id": self.user_id,
            "at": self.at.isoformat(),
            "events": self.events,
            "evidence": self.evidence,
            "last_seen": None if self.last_seen is None else self.last_seen.isoformat(),
            "counts": dict(self.counts),
            "sliders": dict(self.sliders),
            "actions": [
                {"action": action.instruction(), "share": share} for action, share in self.actions
            ],
        }


def portray(user: str, profile: Profile, scorer: SliderScorer, now: datetime) -> Portrait:
    """The portrait of a profile."""
    reading = profile.at(now)
    sliders: list[tuple[str, float]] = []
    actions: list[tuple[UserAction, float]] = []
    if reading is not None:
        length = float(np.linalg.norm(reading.vector)) or 1.0
        cosines = scorer.slider_vectors @ reading.vector / length
        sliders = list(zip(scorer.sliders, cosines.tolist(), strict=True))
        shares = np.asarray(reading.shares, dtype=np.float64).tolist()
        actions = list(zip(reading.actions, shares, strict=True))
    return Portrait(
        user_id=user,
        at=now,
        events=profile.events,
        evidence=0.0 if reading is None else reading.evidence,
        last_seen=profile.last_seen,
        counts=dict(profile.counts),
        sliders=tuple(sorted(sliders, key=lambda pair: -pair[1])),
        actions=tuple(sorted(actions, key=lambda pair: -abs(pair[1]))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The log in numbers: how often something was shown, why not, and what came of it."""

    users: int
    actions: int
    decisions: int
    acted: int
    outcomes: Mapping[str, int]
    answered: int
    mean_reward: float | None
    policies: Mapping[str, int]
    refusals: Mapping[str, int]

    def __str__(self) -> str:
        reward = "none yet" if self.mean_reward is None else f"{self.mean_reward:+.3f}"
        lines = [
            f"{self.users} users, {self.actions} actions",
            f"{self.decisions} decisions, {self.acted} acted, {self.answered} answered; "
            f"mean reward {reward}",
        ]
        lines += [f"  {count:>6}  outcome {what}" for what, count in self.outcomes.items()]
        lines += [f"  {count:>6}  refused: {why}" for why, count in self.refusals.items()]
        return "\n".join(lines)


class Tally:
    """Counts decisions and outcomes while they pass by."""

    def __init__(self) -> None:
        self.made, self.acted = 0, 0
        self.what: Counter[str] = Counter()
        self.policies: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.answered: set[str] = set()
        self.rewards: list[float] = []

    def decisions(self, decisions: Iterable[Decision]) -> None:
        """Take decisions in."""
        for decision in decisions:
            self.made += 1
            self.acted += decision.acted
            self.policies[decision.policy] += 1
            guards = {reason.partition(":")[0] for reason in decision.refusals.values()}
            self.refusals.update(guards)

    def outcomes(self, pairs: Iterable[tuple[int, Decision, Outcome]]) -> None:
        """Take outcomes in."""
        for _, decision, outcome in pairs:
            self.what[outcome.what] += 1
            self.answered.add(decision.decision_id)
            if outcome.reward is not None:
                self.rewards.append(outcome.reward)

    def report(self, *, users: int, actions: int) -> Report:
        """What was counted."""
        return Report(
            users=users,
            actions=actions,
            decisions=self.made,
            acted=self.acted,
            outcomes=dict(self.what.most_common()),
            answered=len(self.answered),
            mean_reward=float(np.mean(self.rewards)) if self.rewards else None,
            policies=dict(self.policies.most_common()),
            refusals=dict(self.refusals.most_common()),
        )
