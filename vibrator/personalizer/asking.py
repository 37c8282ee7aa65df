"""What an application asks for, checked before a store is opened or asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vibrator.decisions import Guard, Policy
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.ports import EncoderConfig
from vibrator.errors import BadInput
from vibrator.personalizer.intake import listed
from vibrator.personalizer.intending import IntentReader
from vibrator.rewards import RewardMap
from vibrator.sliders import SliderSet
from vibrator.stores.opening import sqlite_file

KINDS: dict[str, Any] = {
    "policy": Policy, "clock": Callable, "rng": np.random.Generator,
    "rewards": RewardMap, "intent": IntentReader,
}  # fmt: skip
NO_SLIDERS = "no sliders are known to this store yet: give sliders={name: text} once"


def require_sliders(url: str, given: Mapping[str, Any] | None) -> None:
    """Sliders, or a store that may remember them: a file that is not there yet cannot."""
    if given is not None:
        SliderSet(given)
    elif isinstance(url, str) and (file := sqlite_file(url)) and not file.exists():
        raise BadInput(NO_SLIDERS)


def require_parts(given: Mapping[str, Any]) -> None:
    """The parts that an application may give, by name, are each of its kind; None is none."""
    for name, part in given.items():
        if part is not None and not isinstance(part, KINDS[name]):
            raise BadInput(f"{name} must be a {KINDS[name].__name__}, got {part!r}")


def guards_of(given: Any) -> tuple[Guard, ...]:
    """The guards that an application may give."""
    guards = tuple(listed("guards", given, "guards"))
    for place, guard in enumerate(guards):
        if not isinstance(guard, Guard):
            raise BadInput(f"guards[{place}] must be a Guard, got {guard!r}")
    return guards


def encoder_of(given: Any) -> Any:
    """An encoder, or one of the name that was given; its model is there from now on."""
    encoder = InstructionalEncoder(given) if isinstance(given, (str, EncoderConfig)) else given
    for needed in ("fingerprint", "encode_actions", "encode_items"):
        if not hasattr(encoder, needed):
            raise BadInput(f"encoder must be an encoder or a model's name, got {given!r}")
    return encoder


def context_of(given: Any) -> Mapping[str, Any]:
    """The context of a question; none is an empty one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadInput(f"context must map names to values, got {given!r}")
    return given
