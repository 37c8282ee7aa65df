"""Personalization from what people do, in words.

The names below are the front door; each arrives when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vibrator.actions import UserAction as UserAction
    from vibrator.actions import register_action_type as register_action_type
    from vibrator.calibration import IsotonicCalibrator as IsotonicCalibrator
    from vibrator.calibration import TemperatureCalibrator as TemperatureCalibrator
    from vibrator.calibration import calculate_brier_score as calculate_brier_score
    from vibrator.chat import ChatMessage as ChatMessage
    from vibrator.chat import sample_recent_chat_actions as sample_recent_chat_actions
    from vibrator.datasets import load_actions as load_actions
    from vibrator.datasets import load_items as load_items
    from vibrator.datasets import load_sliders as load_sliders
    from vibrator.decisions import Consent as Consent
    from vibrator.decisions import Decision as Decision
    from vibrator.decisions import Outcome as Outcome
    from vibrator.encoder import EncoderConfig as EncoderConfig
    from vibrator.encoder import InstructionalEncoder as InstructionalEncoder
    from vibrator.errors import BadInput as BadInput
    from vibrator.errors import VibratorError as VibratorError
    from vibrator.personalizer import AsyncPersonalizer as AsyncPersonalizer
    from vibrator.personalizer import Personalizer as Personalizer
    from vibrator.pipeline import SliderOutput as SliderOutput
    from vibrator.pipeline import SliderScorer as SliderScorer
    from vibrator.profile import Profile as Profile
    from vibrator.profile import weighted_user_embedding as weighted_user_embedding
    from vibrator.rewards import infer_reward as infer_reward
    from vibrator.sliders import Slider as Slider
    from vibrator.sliders import SliderSet as SliderSet
    from vibrator.stores import open_store as open_store
    from vibrator.training import fine_tune_encoder as fine_tune_encoder

_PLACES = {
    "actions": ("UserAction", "register_action_type"),
    "calibration": ("IsotonicCalibrator", "TemperatureCalibrator", "calculate_brier_score"),
    "chat": ("ChatMessage", "sample_recent_chat_actions"),
    "datasets": ("load_actions", "load_items", "load_sliders"),
    "decisions": ("Consent", "Decision", "Outcome"),
    "encoder": ("EncoderConfig", "InstructionalEncoder"),
    "errors": ("BadInput", "VibratorError"),
    "personalizer": ("AsyncPersonalizer", "Personalizer"),
    "pipeline": ("SliderOutput", "SliderScorer"),
    "profile": ("Profile", "weighted_user_embedding"),
    "rewards": ("infer_reward",),
    "sliders": ("Slider", "SliderSet"),
    "stores": ("open_store",),
    "training": ("fine_tune_encoder",),
}
_HOME = {name: place for place, names in _PLACES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vibrator' has no attribute {name!r}")
    value = getattr(import_module(f"vibrator.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
