"""The scorer of a store: as its sliders say, or as the last fit left it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from vibrator.pipeline import SliderScorer
from vibrator.sliders import SliderSet
from vibrator.stores.ports import Store


def fitted_scorer(
    store: Store,  # noqa: ARG001
    encoder: Any,
    sliders: SliderSet,
    clock: Callable[[], datetime],
) -> SliderScorer:
    """The scorer over these sliders."""
    return SliderScorer(encoder, sliders, clock=clock)
