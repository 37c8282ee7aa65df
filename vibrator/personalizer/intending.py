"""A person's intent, as policies look at it, folded from their latest actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vibrator.actions import UserAction
from vibrator.intent.state import IntentState
from vibrator.pipeline import SliderScorer

LATEST = 200  # actions; with a slow half-life of a week, older ones hardly weigh


@runtime_checkable
class IntentReader(Protocol):
    """Makes an intent state of a person's actions and their vectors."""

    def state(
        self, actions: Sequence[UserAction], vectors: Any, scorer: SliderScorer
    ) -> IntentState:
        """The state of actions that have happened."""
        ...


@dataclass(frozen=True, slots=True)
class SliderIntent:
    """Each action counts for the slider that its words are nearest to."""

    half_life_fast_days: float = 1.0
    half_life_slow_days: float = 7.0

    def state(
        self, actions: Sequence[UserAction], vectors: Any, scorer: SliderScorer
    ) -> IntentState:
        """Liked actions by nearest slider; what was disliked says nothing of what is wanted."""
        names = list(scorer.sliders)
        state = IntentState(
            names,
            half_life_fast_days=self.half_life_fast_days,
            half_life_slow_days=self.half_life_slow_days,
        )
        if len(actions):
            nearest = np.argmax(np.asarray(vectors) @ scorer.slider_vectors.T, axis=1)
            for action, place in zip(actions, nearest, strict=True):
                if action.weight > 0 and action.timestamp is not None:
                    state.update(names[place], action.timestamp, action.weight)
        return state
