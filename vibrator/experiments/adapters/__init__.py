"""Where measurements come from: the port and the adapters that ship with it."""

from vibrator.experiments.adapters.decision_log import (
    Counting,
    DecisionLogAdapter,
    decision_frame,
    first_variant_of_each,
)
from vibrator.experiments.adapters.measured import MeasuredAdapter, measured_in
from vibrator.experiments.adapters.port import DomainAdapter, Exposing
from vibrator.experiments.adapters.short_video import ShortVideoAdapter

__all__ = [
    "Counting",
    "DecisionLogAdapter",
    "DomainAdapter",
    "Exposing",
    "MeasuredAdapter",
    "ShortVideoAdapter",
    "decision_frame",
    "first_variant_of_each",
    "measured_in",
]
