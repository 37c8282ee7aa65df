"""Where measurements come from: the port and the adapters that ship with it."""

from vibrator.experiments.adapters.decision_log import DecisionLogAdapter, decision_frame
from vibrator.experiments.adapters.measured import MeasuredAdapter, measured_in
from vibrator.experiments.adapters.port import DomainAdapter
from vibrator.experiments.adapters.short_video import ShortVideoAdapter

__all__ = [
    "DecisionLogAdapter",
    "DomainAdapter",
    "MeasuredAdapter",
    "ShortVideoAdapter",
    "decision_frame",
    "measured_in",
]
