"""Rewards that come later: a choice is kept under its event id until its reward arrives."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.bandits.bandit import Bandit, Choice
from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DEFAULT_CAPACITY = 100_000


class DelayedRewards:
    """Score now, reward by event id later, as in production.

    A reward learns the context as it was when the choice was made; a second one for the same event
    changes nothing. Of events without a reward the newest `capacity` are kept.

    >>> from vibrator.bandits.bandit import bandit
    >>> late = DelayedRewards(bandit("epsilon-greedy", arms=["a", "b"]))
    >>> choice = late.score("e1", np.ones(1), np.random.default_rng(0))
    >>> late.reward("e1", 1.0), late.reward("e1", 1.0), late.bandit.model.updates
    (True, False, 1)
    """

    def __init__(self, bandit: Bandit, *, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise BadInput(f"capacity must be at least 1, got {capacity}")
        self.bandit, self.capacity = bandit, capacity
        self._open: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._settled: OrderedDict[str, None] = OrderedDict()

    def score(
        self,
        event_id: str,
        context: NDArray[np.float64],
        rng: np.random.Generator,
        *,
        allowed: ArrayLike | None = None,
    ) -> Choice:
        """Choose, and remember what was chosen in which context."""
        if event_id in self._open or event_id in self._settled:
            raise BadInput(f"event {event_id!r} was scored already")
        choice = self.bandit.choose_one(context, rng, allowed=allowed)
        self._open[event_id] = (choice.arm, self._row_of(choice.arm, context))
        _keep_newest(self._open, self.capacity)
        return choice

    def reward(self, event_id: str, reward: float) -> bool:
        """Learn the reward of an event; False where it was learnt before."""
        if event_id in self._settled:
            return False
        if event_id not in self._open:
            raise UnknownName(f"event {event_id!r} was never scored, or is too old")
        arm, row = self._open[event_id]
        self.bandit.learn_one(arm, row, reward)
        del self._open[event_id]
        self._settled[event_id] = None
        _keep_newest(self._settled, self.capacity)
        return True

    @property
    def waiting(self) -> int:
        """Events whose reward has not come."""
        return len(self._open)

    def _row_of(self, arm: str, context: Any) -> NDArray[np.float64]:
        rows = np.array(context, dtype=np.float64)
        return rows[self.bandit.place(arm)] if self.bandit.model.shared else rows


def _keep_newest(events: OrderedDict[str, Any], capacity: int) -> None:
    while len(events) > capacity:
        events.popitem(last=False)
