"""Dataclasses to plain data and back, with unknown keys and wrong types refused by name."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from vibrator.errors import BadInput

T = TypeVar("T")
Leaves = Mapping[type, Callable[[Any], Any]]  # how values of some types are written, or read back


def to_plain(value: Any, leaves: Leaves | None = None) -> Any:
    """Mappings, lists and scalars that json can write."""
    if leaves and type(value) in leaves:
        return leaves[type(value)](value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name), leaves) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v, leaves) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v, leaves) for v in value]
    return value


def from_plain(kind: type[T], data: Any, *, at: str = "config", leaves: Leaves | None = None) -> T:
    """A dataclass from plain data, nested ones included."""
    if not isinstance(data, Mapping):
        raise BadInput(f"{at} must be a mapping, got {data!r}")
    hints = get_type_hints(kind)
    known = [f.name for f in dataclasses.fields(kind) if f.init]  # type: ignore[arg-type]
    if stray := sorted(map(str, set(data) - set(known))):
        raise BadInput(f"{at} holds unknown keys {stray}; known: {sorted(known)}")
    return kind(**{k: _value(hints[k], v, f"{at}.{k}", leaves) for k, v in data.items()})


def _value(kind: Any, value: Any, at: str, leaves: Leaves | None) -> Any:
    if leaves and kind in leaves:
        return leaves[kind](value)
    if dataclasses.is_dataclass(kind):
        return from_plain(kind, value, at=at, leaves=leaves)  # type: ignore[arg-type]
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = next(k for k in get_args(kind) if k is not type(None))
        return None if value is None else _value(inner, value, at, leaves)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise BadInput(f"{at} must be a list, got {value!r}")
        inner = get_args(kind)[0]
        return tuple(_value(inner, v, f"{at}[{i}]", leaves) for i, v in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise BadInput(f"{at} must be a mapping, got {value!r}")
        to, inner = get_args(kind)
        return {to(k): _value(inner, v, f"{at}.{k}", leaves) for k, v in value.items()}
    return _scalar(kind, value, at)


def _scalar(kind: Any, value: Any, at: str) -> Any:
    if kind is Any:
        return value
    if kind is str and isinstance(value, date):  # YAML reads 2025-03-01 as a day
        return value.isoformat()
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadInput(f"{at} must be {kind.__name__}, got {value!r}")
    return value
