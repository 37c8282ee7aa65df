"""Tips to show: content with the features that the policies see, and a seeded source of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.bandits.egreedy_v1 import OLD_DAYS, TipFacts, features
from vibrator.checks import require_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PRIORITY_NAMES = {1: "low", 2: "normal", 3: "high", 4: "urgent"}
PRIORITY_SHARES = (0.25, 0.4, 0.25, 0.1)
OVERDUE_SHARE = 0.3
MEAN_AGE_DAYS = 6.0
TOPICS = (
    "detailed technical documentation: a deep dive into consensus protocols",
    "detailed technical documentation: how the query planner chooses an index",
    "quick weeknight recipes: lentil soup in twenty minutes",
    "quick weeknight recipes: one pan, three vegetables",
    "long mountain trails: a ridge walk of thirty kilometres",
    "long mountain trails: where to find water above the tree line",
)


@dataclass(frozen=True, slots=True)
class Tip:
    """What may be shown: words, priority 1 (low) to 4 (urgent), overdue or not, age in days."""

    tip_id: str
    content: str
    priority: int = 2
    is_overdue: bool = False
    task_age_days: float = 0.0

    def __post_init__(self) -> None:
        require_text("content", self.content)
        _ = self.facts

    @property
    def facts(self) -> TipFacts:
        """What egreedy-v1 may know of it."""
        return TipFacts(self.tip_id, self.priority, self.is_overdue, self.task_age_days)


def draw_tips(rng: np.random.Generator, count: int, *, prefix: str = "tip") -> list[Tip]:
    """So many tips: priorities by their shares, ages exponential, topics alike."""
    priorities = rng.choice([1, 2, 3, 4], size=count, p=PRIORITY_SHARES)
    overdue = rng.random(count) < OVERDUE_SHARE
    ages = rng.exponential(MEAN_AGE_DAYS, count)
    topics = rng.integers(len(TOPICS), size=count)
    return [
        Tip(
            f"{prefix}-{n}", TOPICS[topics[n]], int(priorities[n]), bool(overdue[n]), float(ages[n])
        )
        for n in range(count)
    ]


def features_of(tips: list[Tip], hour: int, day_of_week: int) -> Floats:
    """One row a tip: the seven features of egreedy-v1."""
    return np.array([features(tip.facts, hour, day_of_week) for tip in tips])


def staleness(age_days: float) -> float:
    """0 for a new task, 1 after a month, as egreedy-v1 sees it."""
    return float(np.log1p(age_days) / np.log1p(OLD_DAYS))
