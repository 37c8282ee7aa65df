"""What applications hand in, as events and items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any
from uuid import uuid4

from vibrator.actions import UserAction
from vibrator.chat import CHAT, ChatMessage
from vibrator.checks import require_finite, require_text
from vibrator.errors import BadInput, UnknownName
from vibrator.stores.journal import ACTION
from vibrator.stores.ports import Catalogue, Event, Item, events_from_columns

ACTIONS = "actions must be a UserAction, a ChatMessage, or a list of them"
OWN_TURN = "user"  # the role whose turns are the person's own


def events_of(user: str, given: Any, now: datetime) -> list[Event]:
    """Actions and chat messages as events of the user; what has no time or id is given one."""
    if not _is_one(given) and not hasattr(given, "__iter__"):
        raise BadInput(f"{ACTIONS}, got a {type(given).__name__}")
    own = [
        one
        for one in ([given] if _is_one(given) else given)
        if not isinstance(one, ChatMessage) or one.role == OWN_TURN
    ]
    bodies = [_body(user, one) for one in own]
    batch = uuid4().hex
    columns = {
        "event_id": [_id(one) or f"{batch}-{place}" for place, one in enumerate(own)],
        "user_id": repeat(user),
        "at": [one.timestamp or now for one in own],
        "kind": repeat(ACTION),
        "text": [one.content for one in own],
        "body": bodies,
        "seq": repeat(0),
    }
    return events_from_columns(len(own), columns)  # both nouns are valid from birth


def items_of(given: Mapping[str, str] | Iterable[Item]) -> list[Item]:
    """Items to keep, from a mapping of id to text or from Items."""
    if isinstance(given, Mapping):
        return [Item(item_id=name, text=text) for name, text in given.items()]
    items = listed("items", given, "Items, or id to text")
    for place, item in enumerate(items):
        if not isinstance(item, Item):
            raise BadInput(f"items[{place}] must be an Item (or give id: text), got {item!r}")
    return items


def candidates_of(given: Any, catalogue: Catalogue) -> dict[str, str]:
    """Id to text, of a mapping, of Items, or of ids in the catalogue."""
    if isinstance(given, Mapping):
        return {require_text("candidate", name): text for name, text in given.items()}
    offered = listed("candidates", given, "item ids or Items, or id to text")
    texts = {one.item_id: one.text for one in offered if isinstance(one, Item)}
    ids = [require_text("candidate", one) for one in offered if not isinstance(one, Item)]
    for item_id, item in zip(ids, catalogue.read(ids) if ids else (), strict=True):
        if item is None:
            raise UnknownName(f"no item {item_id!r} in the catalogue: add_items comes first")
        texts[item_id] = item.text
    return {name: texts[name] for name in (getattr(one, "item_id", one) for one in offered)}


def contents_of(given: Any, catalogue: Catalogue) -> dict[str, str]:
    """Like candidates, but a text that is no id stands for itself, and may stand alone."""
    if isinstance(given, Mapping):
        return {require_text("item", name): text for name, text in given.items()}
    alone = isinstance(given, (str, Item))
    asked = [given] if alone else listed("items", given, "item ids, texts or Items")
    names = [require_text("item", one) for one in asked if not isinstance(one, Item)]
    known = dict(zip(names, catalogue.read(names) if names else (), strict=True))
    texts = {}
    for one in asked:
        item = one if isinstance(one, Item) else known[one]
        texts[one if item is None else item.item_id] = one if item is None else item.text
    return texts


def listed(name: str, given: Any, of: str) -> list[Any]:
    """What may be gone through, as a list; a single text is no list.

    >>> listed("ids", "grpc", "item ids")
    Traceback (most recent call last):
    vibrator.errors.BadInput: ids must be a list of item ids, got the single 'grpc'
    """
    if isinstance(given, (str, bytes)):
        raise BadInput(f"{name} must be a list of {of}, got the single {given[:40]!r}")
    if not hasattr(given, "__iter__"):
        raise BadInput(f"{name} must be a list of {of}, got {given!r:.40}")
    return list(given)


def milliseconds(dwell: timedelta | float | None) -> float | None:
    """A dwell, given as a timedelta or in milliseconds."""
    if dwell is None:
        return None
    if isinstance(dwell, timedelta):
        return dwell.total_seconds() * 1_000.0
    return require_finite("dwell", dwell)


def _is_one(given: Any) -> bool:
    return isinstance(given, (UserAction, ChatMessage, str))


def _body(user: str, given: Any) -> dict[str, Any]:
    if type(given) not in BODIES:
        kind = type(given).__name__  # and no more: it may hold somebody's words
        raise BadInput(f"only UserAction and ChatMessage can be observed, got one {kind}")
    if given.user_id is not None and given.user_id != user:
        raise BadInput(f"an action of {given.user_id!r} was observed for {user!r}")
    return BODIES[type(given)](given)


def _id(given: UserAction | ChatMessage) -> str | None:
    return given.action_id if isinstance(given, UserAction) else None


def _action_body(action: UserAction) -> dict[str, Any]:
    if "age_hours" in action.metadata:
        raise BadInput(
            "an action sampled from chat carries its decay in its weight and is for one-shot "
            "scoring: observe the ChatMessage itself"
        )
    body: dict[str, Any] = {"type": action.action_type, "weight": action.weight}
    if action.metadata:
        body["metadata"] = dict(action.metadata)
    return body


def _turn_body(message: ChatMessage) -> dict[str, Any]:
    body: dict[str, Any] = {"type": CHAT, "weight": message.weight}
    if message.metadata:
        body["metadata"] = dict(message.metadata)
    return body


BODIES: dict[type, Callable[[Any], dict[str, Any]]] = {
    UserAction: _action_body,
    ChatMessage: _turn_body,
}
