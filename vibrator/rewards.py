"""From what a person did, and for how long, to a reward."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vibrator.checks import require_finite
from vibrator.errors import BadInput, UnknownName


@dataclass(frozen=True, slots=True)
class RewardMap:
    """Action to steps of (dwell below this many milliseconds, reward), as data.

    The last step of every action has no upper bound.

    >>> RewardMap({"done": [(15_000, -0.3), (math.inf, 1.0)]}).reward("done", 20_000)
    1.0
    """

    steps: Mapping[str, Sequence[tuple[float, float]]]

    def __post_init__(self) -> None:
        if not self.steps:
            raise BadInput("a reward map needs at least one action")
        for action, steps in self.steps.items():
            bounds = [bound for bound, _ in steps]
            rising = all(lower < bound for lower, bound in pairwise([0.0, *bounds]))
            if not bounds or not rising or bounds[-1] != math.inf:
                raise BadInput(
                    f"steps of {action!r} must rise from above 0 to infinity, got {bounds}"
                )
            for _, reward in steps:
                require_finite(f"every reward of {action!r}", reward)

    @classmethod
    def of(cls, data: Mapping[str, Sequence[Sequence[float | None]]]) -> RewardMap:
        """From JSON or YAML, which write the open end as null.

        >>> RewardMap.of({"done": [[15000, -0.3], [None, 1.0]]}).reward("done", 60_000)
        1.0
        """
        try:
            steps = {
                action: [(_open_ended(bound), reward) for bound, reward in rows]
                for action, rows in data.items()
            }
        except (TypeError, ValueError, AttributeError):
            wanted = "a reward map is {action: [[dwell below or null, reward], …]}"
            raise BadInput(f"{wanted}, got {data!r}") from None
        return cls(steps)  # type: ignore[arg-type]  # __post_init__ checks the rewards

    def as_data(self) -> dict[str, list[list[float | None]]]:
        """The way back, for JSON or YAML."""
        return {
            action: [[None if math.isinf(bound) else bound, reward] for bound, reward in steps]
            for action, steps in self.steps.items()
        }

    def reward(self, action: str, dwell_ms: float = 0.0) -> float:
        """The reward of the first step whose bound lies above the dwell."""
        if action not in self.steps:
            raise UnknownName(f"no reward is known for {action!r}; known: {sorted(self.steps)}")
        if require_finite("dwell_ms", dwell_ms) < 0:
            raise BadInput(f"dwell_ms must not be negative, got {dwell_ms!r}")
        return next(reward for bound, reward in self.steps[action] if dwell_ms < bound)


PUBLISHED_REWARDS = RewardMap(
    {
        "dismiss": [(math.inf, -1.0)],
        "snooze": [(math.inf, 0.1)],
        "done": [(15_000, -0.3), (120_000, 1.0), (600_000, 0.6), (math.inf, 0.3)],
    }
)


def infer_reward(
    action: str, dwell_ms: float = 0.0, *, rewards: RewardMap = PUBLISHED_REWARDS
) -> float:
    """The reward of an action by the published map, or by one of your own.

    >>> [infer_reward("done", ms) for ms in (5_000, 60_000, 300_000, 900_000)]
    [-0.3, 1.0, 0.6, 0.3]
    """
    return rewards.reward(action, dwell_ms)


def _open_ended(bound: float | None) -> float:
    return math.inf if bound is None else float(bound)
