"""What a person did, in words: the first noun of the loop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat, starmap
from struct import Struct
from typing import Any, NoReturn

from vibrator.checks import require_aware, require_finite, require_text
from vibrator.errors import BadInput

DOUBLES = Struct("3d")
SMALLEST_MASS = 1e-300  # keeps 0/0 at 0 where all weights are zero


@dataclass(frozen=True, slots=True)
class ActionType:
    """How a kind of action is worded for the encoder, and what it weighs by default.

    >>> ActionType("purchase", wording="User purchased:", weight=2.0).sentence("a tent")
    'User purchased: a tent'
    """

    name: str
    wording: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        require_text("action type name", self.name)
        require_text("wording", self.wording)
        object.__setattr__(self, "weight", require_finite("weight", self.weight))

    def sentence(self, content: str) -> str:
        """The wording followed by the words."""
        return f"{self.wording} {content}"


ACTION_TYPES: dict[str, ActionType] = {
    kind.name: kind
    for kind in (
        ActionType("write", "User wrote:", 1.5),
        ActionType("click", "User clicked on:", 1.0),
        ActionType("react", "User reacted to:", 0.8),
        ActionType("read", "User viewed:", 0.5),
        ActionType("open", "User opened:", 0.5),
        ActionType("share", "User shared:", 1.2),
        ActionType("chat", "User said:", 1.0),
        ActionType("dismiss", "User dismissed:", -1.0),
    )
}


def register_action_type(name: str, *, wording: str, weight: float = 1.0) -> ActionType:
    """Make a type of your own a first-class one; an equal registration may be repeated."""
    kind = ActionType(name, wording=wording, weight=weight)
    known = ACTION_TYPES.get(name)
    if known is not None and known != kind:
        raise BadInput(f"action type {name!r} is registered already as {known}, not {kind}")
    ACTION_TYPES[name] = kind
    return kind


def action_type(name: str) -> ActionType:
    """The registered type, or the neutral one for a name nobody registered.

    >>> action_type("bookmark").sentence("a recipe")
    'User performed bookmark on: a recipe'
    """
    return ACTION_TYPES.get(name) or ActionType(name, f"User performed {name} on:", 1.0)


class Metadata(dict[str, Any]):
    """What else is known, read-only: a dict, so that JSON and `dataclasses.asdict` take it.

    >>> Metadata(km=21)["km"]
    21
    >>> Metadata(km=21).update(km=84)
    Traceback (most recent call last):
    TypeError: metadata is read-only
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("metadata is read-only")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return Metadata, (dict(self),)


class _Packed:
    """Room for an action's numbers as bytes, by which scoring reads many at once."""

    __slots__ = ("_packed",)
    _packed: bytes


@dataclass(frozen=True, slots=True)
class UserAction(_Packed):
    """Who did what to which words, and when.

    A weight left out is the type's default; a weight given is the weight used.

    >>> UserAction("write", "a guide to gRPC").weight
    1.5
    >>> UserAction("click", "  ")
    Traceback (most recent call last):
    vibrator.errors.BadInput: content must be a text with words in it, got '  '
    """

    action_type: str
    content: str
    weight: float = None  # type: ignore[assignment]  # None asks for the type's default
    timestamp: datetime | None = None
    user_id: str | None = None
    action_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        require_text("action_type", self.action_type)
        require_text("content", self.content)
        given: object = self.weight
        weight = action_type(self.action_type).weight if given is None else given
        object.__setattr__(self, "weight", require_finite("weight", weight))
        if self.timestamp is not None:
            object.__setattr__(self, "timestamp", require_aware("timestamp", self.timestamp))
        for name in ("user_id", "action_id"):
            if getattr(self, name) is not None:
                require_text(name, getattr(self, name))
        if not isinstance(self.metadata, Mapping):
            raise BadInput(f"metadata must be a mapping, got {self.metadata!r}")
        if "age_hours" in self.metadata:
            age = require_finite("metadata['age_hours']", self.metadata["age_hours"])
            if age < 0:
                raise BadInput(f"metadata['age_hours'] must not be negative, got {age!r}")
        object.__setattr__(self, "metadata", Metadata(self.metadata))

    def __reduce__(self) -> tuple[Any, ...]:
        return UserAction, (
            self.action_type, self.content, self.weight, self.timestamp,
            self.user_id, self.action_id, dict(self.metadata),
        )  # fmt: skip

    def instruction(self) -> str:
        """The wording and the text, as the encoder reads them.

        >>> UserAction("click", "gRPC streaming").instruction()
        'User clicked on: gRPC streaming'
        """
        return action_type(self.action_type).sentence(self.content)


def packed(actions: Sequence[UserAction]) -> bytes:
    """Three doubles an action: seconds since 1970 (NaN without a time), weight and mass.

    A mass is the absolute weight, or next to nothing rather than nothing, so that it may divide.

    >>> Struct("3d").unpack(packed([UserAction("dismiss", "gRPC")]))
    (nan, -1.0, 1.0)
    """
    try:
        return b"".join([action._packed for action in actions])
    except AttributeError:  # not all have been read before
        return b"".join(map(_pack, actions))


def _pack(action: UserAction) -> bytes:
    time = math.nan if action.timestamp is None else action.timestamp.timestamp()
    mass = max(abs(action.weight), SMALLEST_MASS)
    numbers = DOUBLES.pack(time, action.weight, mass)
    object.__setattr__(action, "_packed", numbers)
    return numbers


class _Open(UserAction):
    """An action that is still being filled: no checks, no lock."""

    __slots__ = ()
    __init__ = object.__init__
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


_USUAL = {
    "weight": 1.0,
    "timestamp": None,
    "user_id": None,
    "action_id": None,
    "metadata": Metadata(),
}


def actions_from_columns(count: int, columns: Mapping[str, Iterable[Any]]) -> Iterator[UserAction]:
    """Many actions from columns that a reader has checked; no value is checked again.

    All but `action_type` and `content` may be left out; a weight is then 1. Times must be in UTC
    and metadata read-only. Each action is filled while it is open and then becomes a UserAction as
    frozen as any, in a tenth of the time that a call for each would take.
    """
    opened = starmap(_Open, repeat((), count))
    given = {**{name: repeat(usual, count) for name, usual in _USUAL.items()}, **columns}
    fields = (given[name] for name in UserAction.__match_args__)
    for (
        _one, _one.action_type, _one.content, _one.weight, _one.timestamp,
        _one.user_id, _one.action_id, _one.metadata, _one.__class__,
    ) in zip(opened, *fields, repeat(UserAction, count), strict=True):  # fmt: skip
        yield _one


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)
