"""egreedy-v1: which of a user's open tips to show, by a linear ε-greedy over seven features.

The decision log is the only state. A user's model is a fold of the rewards in it, each against
the features that were stored when the tip was chosen, so that the weekday on which a reward comes
in cannot skew it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from vibrator.bandits.explorers import Greedy
from vibrator.bandits.models import Estimates, LinearModel
from vibrator.checks import require_finite, require_text
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput, UnknownName
from vibrator.rewards import PUBLISHED_REWARDS, RewardMap
from vibrator.stores.ports import DecisionLog, Which

POLICY = "egreedy-v1"
PRIORITIES = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
FEATURES = ("priority", "is_overdue", "task_age", "hour_sin", "hour_cos", "day_sin", "day_cos")
OLD_DAYS = 30.0  # the age that task_age maps to 1


@dataclass(frozen=True, slots=True)
class TipFacts:
    """What the policy may know of a tip: priority 1 (low) to 4 (urgent), overdue or not, age."""

    tip_id: str
    priority: int = 2
    is_overdue: bool = False
    task_age_days: float = 0.0

    def __post_init__(self) -> None:
        require_text("tip id", self.tip_id)
        if isinstance(self.priority, bool) or self.priority not in PRIORITIES.values():
            raise BadInput(f"priority must be one of {PRIORITIES}, got {self.priority!r}")
        if not isinstance(self.is_overdue, bool):
            raise BadInput(f"is_overdue must be true or false, got {self.is_overdue!r}")
        if require_finite("task_age_days", self.task_age_days) < 0:
            raise BadInput(f"task_age_days must not be negative, got {self.task_age_days!r}")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> TipFacts:
        """From a JSON row; the priority may be a word."""
        stray = set(row) - {"id", "priority", "is_overdue", "task_age_days"}
        if stray or "id" not in row:
            raise BadInput(f"a tip has id, priority, is_overdue, task_age_days; got {sorted(row)}")
        priority = row.get("priority", 2)
        if isinstance(priority, str):
            priority = PRIORITIES.get(priority.lower(), priority)  # other words are refused
        return cls(
            row["id"],
            priority,
            row.get("is_overdue", False),
            row.get("task_age_days", 0.0),
        )


def features(tip: TipFacts, hour: int, day_of_week: int) -> list[float]:
    """The seven numbers, in the order of FEATURES; hour 0 to 23, Monday is 0.

    >>> features(TipFacts("t", priority=4, is_overdue=True), hour=6, day_of_week=0)[:4]
    [1.0, 1.0, 0.0, 1.0]
    """
    if hour not in range(24) or day_of_week not in range(7):
        raise BadInput(f"hour is 0 to 23 and day_of_week 0 to 6, got {hour!r} and {day_of_week!r}")
    clock, week = 2 * math.pi * hour / 24, 2 * math.pi * day_of_week / 7
    return [
        (tip.priority - 1) / 3,
        float(tip.is_overdue),
        math.log1p(tip.task_age_days) / math.log1p(OLD_DAYS),
        math.sin(clock),
        math.cos(clock),
        math.sin(week),
        math.cos(week),
    ]


class EgreedyV1:
    """Score, reward and stats, each a plain dict that a route can hand out.

    >>> from datetime import UTC
    >>> from vibrator.stores.opening import open_store
    >>> tips, now = EgreedyV1(open_store("sqlite://").decisions), datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> _ = tips.score("ada", [TipFacts("pay rent", 4)], at=now, decision_id="e1", rng=np.random.default_rng(0))
    >>> tips.reward("e1", "done", dwell_ms=60_000, at=now)
    {'decision_id': 'e1', 'reward': 1.0, 'learnt': True}
    """  # noqa: E501  # the doctest reads better on one line

    def __init__(
        self,
        log: DecisionLog,
        *,
        epsilon: float = 0.1,
        ridge: float = 1.0,
        rewards: RewardMap = PUBLISHED_REWARDS,
    ) -> None:
        self.log, self.ridge, self.rewards = log, ridge, rewards
        self.explorer = Greedy(epsilon=epsilon)

    def score(
        self,
        user_id: str,
        tips: Sequence[TipFacts],
        *,
        at: datetime,
        decision_id: str,
        rng: np.random.Generator,
        local: tuple[int, int] | None = None,
    ) -> dict[str, Any]:
        """Choose a tip and log the choice; `local` is the user's own (hour, day of week)."""
        if not tips or len({tip.tip_id for tip in tips}) < len(tips):
            raise BadInput("tips must be at least one, each with an id of its own")
        hour, day = (at.hour, at.weekday()) if local is None else local
        rows = np.array([features(tip, hour, day) for tip in tips])
        mean = rows @ self._model(user_id).belief[0, -1]
        chances = self.explorer.probabilities(Estimates(mean[None]), None, 0)[0]
        place, propensity = self.explorer.draw_one(Estimates(mean), None, 0, rng)
        names = tuple(tip.tip_id for tip in tips)
        decision = Decision(
            decision_id=decision_id,
            user_id=user_id,
            at=at,
            candidates=names,
            chosen=(names[place],),
            arm=names[place],
            propensity=propensity,
            reason=f"expects {mean[place]:.3f}",
            policy=POLICY,
            propensities=dict(zip(names, chances.tolist(), strict=True)),
            context={"hour": hour, "day_of_week": day, **_kind(tips[place])},
            features={"x": rows[place].tolist()},
            surface="tips",
        )
        self.log.record([decision])
        return {
            "decision_id": decision_id,
            "tip_id": decision.arm,
            "propensity": propensity,
            "expected_reward": float(mean[place]),
            "propensities": dict(decision.propensities),
        }

    def reward(
        self, decision_id: str, action: str, *, at: datetime, dwell_ms: float = 0.0
    ) -> dict[str, Any]:
        """Log the reward of a choice; telling it twice, or otherwise, changes nothing."""
        decision = next(iter(self.log.decisions(Which(ids=(decision_id,)))), None)
        if decision is None or decision.policy != POLICY:
            raise UnknownName(f"no {POLICY} decision {decision_id!r} is known")
        reward = self.rewards.reward(action, dwell_ms)
        outcome = Outcome(
            decision_id=decision_id,
            what=action,
            at=at,
            item_id=decision.arm,
            dwell_ms=dwell_ms,
            reward=reward,
            outcome_id=f"{POLICY}:{decision_id}",  # one id a decision, so that the log keeps one
        )
        learnt = self.log.record([outcome]) == 1
        return {"decision_id": decision_id, "reward": reward, "learnt": learnt}

    def stats(self, user_id: str) -> dict[str, Any]:
        """What was shown, what came of it, and what the model believes."""
        shown = sum(d.policy == POLICY for d in self.log.decisions(Which(users=(user_id,))))
        came = [outcome for _, outcome in self._rewarded(user_id)]
        rewards = [float(outcome.reward or 0.0) for outcome in came]
        theta = self._model(user_id).belief[0, -1].tolist()
        return {
            "user_id": user_id,
            "policy": POLICY,
            "epsilon": self.explorer.epsilon,
            "decisions": shown,
            "rewards": len(came),
            "mean_reward": float(np.mean(rewards)) if rewards else None,
            "actions": dict(Counter(outcome.what for outcome in came)),
            "weights": dict(zip(FEATURES, theta, strict=True)),
        }

    def _rewarded(self, user_id: str) -> list[tuple[Decision, Outcome]]:
        told = self.log.outcomes(Which(users=(user_id,)))
        return [(d, o) for _, d, o in told if d.policy == POLICY and o.reward is not None]

    def _model(self, user_id: str) -> LinearModel:
        model = LinearModel(1, len(FEATURES), shared=True, ridge=self.ridge)
        came = self._rewarded(user_id)
        if came:
            x = np.array([decision.features["x"] for decision, _ in came])
            rewards = [outcome.reward for _, outcome in came]
            model.learn(np.zeros(len(came), np.intp), x, rewards)  # type: ignore[arg-type]
        return model


def _kind(tip: TipFacts) -> dict[str, Any]:
    """What a replay of the log asks of the tip that was shown."""
    facts = asdict(tip)
    del facts["tip_id"]
    return facts
