"""The newest turns of a conversation as actions for one-shot scoring."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import copysign

from vibrator.actions import UserAction, utc_now
from vibrator.chat.messages import CHAT, ChatMessage
from vibrator.checks import (
    require_aware,
    require_count,
    require_finite,
    require_positive,
    require_text,
)
from vibrator.decay import fade
from vibrator.errors import BadInput

LETTERS_PER_TOKEN = 4  # a common rule of thumb for English; hand in a tokenizer to be exact
SHINGLE = 4  # letters of the pieces by which two turns are compared
HOUR = 3600.0


def letters_in_fours(text: str) -> int:
    """About how many tokens a text has.

    >>> letters_in_fours("long mountain trails")
    5
    """
    return -(-len(text) // LETTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBudget:
    """How many tokens the turns taken may have together; `count` counts those of a text.

    >>> TokenBudget(limit=100).of("long mountain trails")
    5.0
    """

    limit: int
    count: Callable[[str], float] = letters_in_fours

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", require_count("limit", self.limit))
        if not callable(self.count):
            raise BadInput(f"count must be a function of a text, got {self.count!r:.60}")

    def of(self, text: str) -> float:
        """The tokens of a text, as counted."""
        tokens = require_finite("what count says of a text", self.count(text))
        if tokens < 0:
            raise BadInput(f"what count says of a text must not be negative, got {tokens!r}")
        return tokens

    def fit(self, newest: Iterable[ChatMessage]) -> list[ChatMessage]:
        """The first of the turns, as long as they fit."""
        left, taken = float(self.limit), []
        for message in newest:
            left -= self.of(message.content)
            if left < 0:
                break
            taken.append(message)
        return taken


def sample_recent_chat_actions(  # noqa: PLR0913 - the published signature
    messages: Iterable[ChatMessage],
    *,
    now: datetime | None = None,
    max_messages: int = 8,
    include_roles: Collection[str] = ("user",),
    half_life_hours: float = 6.0,
    minimum_weight: float = 1e-3,
    tokens: TokenBudget | None = None,
    merge_above: float | None = None,
) -> list[UserAction]:
    """The newest turns of the wanted roles, newest first, their age put into their weight.

    weight × 2^(−age/half-life), raised to `minimum_weight` where it is less; a negative weight
    keeps its sign and at least that size. The actions carry no time, so that age is counted once,
    and are for one-shot scoring: a Personalizer observes the messages themselves. Turns later than
    `now` are left out. With `tokens`, turns are taken from the newest back as long as they fit.
    With `merge_above`, a turn whose pieces are shared with a newer one of the same person and role
    beyond that share (Jaccard) is merged into it.
    """
    moment = require_aware("now", utc_now() if now is None else now)
    require_positive("half_life_hours", half_life_hours)
    if require_finite("minimum_weight", minimum_weight) < 0:
        raise BadInput(f"minimum_weight must not be negative, got {minimum_weight!r}")
    most, roles = require_count("max_messages", max_messages), _roles(include_roles)
    if tokens is not None and not isinstance(tokens, TokenBudget):
        raise BadInput(f"tokens must be a TokenBudget, got {tokens!r:.60}")
    wanted = [m for m in _listed(messages) if m.role in roles and m.timestamp <= moment]
    latest_first = reversed(wanted)  # of two at the same moment, the later in the list is newer
    newest = sorted(latest_first, key=lambda message: message.timestamp, reverse=True)
    if merge_above is not None:
        newest = merge_alike(newest, above=merge_above, most=most)
    taken = newest[:most] if tokens is None else tokens.fit(newest[:most])
    return [_action(m, moment, half_life_hours, minimum_weight) for m in taken]


def merge_alike(
    messages: Sequence[ChatMessage], *, above: float, most: int | None = None
) -> list[ChatMessage]:
    """The messages less those that say nearly what an earlier one in the list says.

    The one that stays counts the merged ones in its metadata, as `merged`. With `most`, so many
    stay, and the rest are only compared with them.
    """
    if not 0.0 < require_finite("merge_above", above) <= 1.0:
        raise BadInput(f"merge_above must lie in (0, 1], got {above!r}")
    kept: list[tuple[ChatMessage, set[str]]] = []
    merged: list[int] = []
    for message in messages:
        pieces = _pieces(message.content)
        same = (
            place
            for place, (other, theirs) in enumerate(kept)
            if (other.user_id, other.role) == (message.user_id, message.role)
            and _shared(pieces, theirs) >= above
        )
        place = next(same, None)
        if place is not None:
            merged[place] += 1
        elif most is None or len(kept) < most:
            kept.append((message, pieces))
            merged.append(0)
    return [_told(message, count) for (message, _), count in zip(kept, merged, strict=True)]


def _roles(given: Collection[str]) -> frozenset[str]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise BadInput(f"include_roles must be a list of roles, got {given!r:.60}")
    return frozenset(require_text("a role of include_roles", role) for role in given)


def _listed(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    if isinstance(messages, (str, bytes, ChatMessage)) or not isinstance(messages, Iterable):
        raise BadInput(f"messages must be a list of ChatMessage, got {messages!r:.60}")
    listed = list(messages)
    for position, message in enumerate(listed):
        if not isinstance(message, ChatMessage):
            raise BadInput(f"messages[{position}] must be a ChatMessage, got {message!r:.60}")
    return listed


def _action(
    message: ChatMessage, now: datetime, half_life_hours: float, minimum_weight: float
) -> UserAction:
    age = (now - message.timestamp).total_seconds() / HOUR
    size = abs(message.weight) * float(fade(age, half_life=half_life_hours))
    told = {"role": message.role, "user_id": message.user_id, "age_hours": round(age, 4)}
    return UserAction(
        CHAT,
        message.content,
        weight=copysign(max(size, minimum_weight), message.weight),
        user_id=message.user_id,
        metadata={**message.metadata, **told},
    )


def _told(message: ChatMessage, merged: int) -> ChatMessage:
    told = {**message.metadata, "merged": merged}
    return replace(message, metadata=told) if merged else message


def _pieces(content: str) -> set[str]:
    plain = " ".join(content.casefold().split())
    return {plain[start : start + SHINGLE] for start in range(max(1, len(plain) - SHINGLE + 1))}


def _shared(pieces: set[str], theirs: set[str]) -> float:
    both = len(pieces & theirs)
    return both / (len(pieces) + len(theirs) - both)
