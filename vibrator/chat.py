"""Chat: turns of a conversation, and the newest of them as actions for one-shot scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vibrator.actions import Metadata, UserAction, utc_now
from vibrator.checks import require_aware, require_finite, require_positive, require_text
from vibrator.decay import fade
from vibrator.errors import BadInput

CHAT = "chat"
LETTERS_PER_TOKEN = 4  # a common rule of thumb for English; hand in a tokenizer to be exact
SLACK_POSTS = (None, "bot_message", "thread_broadcast", "me_message")  # what people and bots say
SHINGLE = 4  # letters of the pieces by which two turns are compared
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn: who said what, in which role, and when.

    >>> ChatMessage("a trail for Sunday?", datetime(2026, 3, 1, 9, tzinfo=UTC)).role
    'user'
    """

    content: str
    timestamp: datetime
    user_id: str | None = None
    role: str = "user"
    weight: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_text("content", self.content)
        object.__setattr__(self, "timestamp", require_aware("timestamp", self.timestamp))
        if self.user_id is not None:
            require_text("user_id", self.user_id)
        require_text("role", self.role)
        object.__setattr__(self, "weight", require_finite("weight", self.weight))
        if not isinstance(self.metadata, Mapping):
            raise BadInput(f"metadata must be a mapping, got {self.metadata!r}")
        object.__setattr__(self, "metadata", Metadata(self.metadata))

    def __reduce__(self) -> tuple[Any, ...]:
        return ChatMessage, (
            self.content, self.timestamp, self.user_id, self.role, self.weight,
            dict(self.metadata),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBudget:
    """How many tokens the turns taken may have together; `count` counts those of a text.

    >>> TokenBudget(limit=100).count("long mountain trails")
    5
    """

    limit: int
    count: Callable[[str], int] = lambda text: -(-len(text) // LETTERS_PER_TOKEN)

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise BadInput(f"limit must be at least 1, got {self.limit!r}")


def sample_recent_chat_actions(  # noqa: PLR0913 - the published signature
    messages: Iterable[ChatMessage],
    *,
    now: datetime | None = None,
    max_messages: int = 8,
    include_roles: Sequence[str] = ("user",),
    half_life_hours: float = 6.0,
    minimum_weight: float = 1e-3,
    tokens: TokenBudget | None = None,
    merge_above: float | None = None,
) -> list[UserAction]:
    """The newest turns of the wanted roles, newest first, their age put into their weight.

    weight × 2^(−age/half-life), raised to `minimum_weight` where it is less. The actions carry no
    time, so that age is counted once, and are for one-shot scoring: a Personalizer observes the
    messages themselves. Turns later than `now` are left out. With `tokens`, turns are taken from
    the newest back as long as they fit. With `merge_above`, a turn whose pieces are shared with a
    newer one of the same person and role beyond that share (Jaccard) is merged into it.
    """
    moment = require_aware("now", utc_now() if now is None else now)
    require_positive("half_life_hours", half_life_hours)
    if require_finite("minimum_weight", minimum_weight) < 0:
        raise BadInput(f"minimum_weight must not be negative, got {minimum_weight!r}")
    if max_messages < 1:
        raise BadInput(f"max_messages must be at least 1, got {max_messages!r}")
    if isinstance(include_roles, str):
        raise BadInput(f"include_roles must be a list of roles, got {include_roles!r}")
    wanted = [m for m in _listed(messages) if m.role in include_roles and m.timestamp <= moment]
    latest_first = reversed(wanted)  # of two at the same moment, the later in the list is newer
    newest = sorted(latest_first, key=lambda message: message.timestamp, reverse=True)
    if merge_above is not None:
        newest = merge_alike(newest, above=merge_above)
    taken = _within(newest[:max_messages], tokens)
    return [_action(m, moment, half_life_hours, minimum_weight) for m in taken]


def merge_alike(messages: Sequence[ChatMessage], *, above: float) -> list[ChatMessage]:
    """The messages less those that say nearly what an earlier one in the list says.

    The one that stays counts the merged ones in its metadata, as `merged`.
    """
    if not 0.0 < require_finite("merge_above", above) <= 1.0:
        raise BadInput(f"merge_above must lie in (0, 1], got {above!r}")
    kept: list[tuple[ChatMessage, set[str], int]] = []
    for message in messages:
        pieces = _pieces(message.content)
        for place, (other, theirs, merged) in enumerate(kept):
            same = (other.user_id, other.role) == (message.user_id, message.role)
            if same and _shared(pieces, theirs) >= above:
                kept[place] = (other, theirs, merged + 1)
                break
        else:
            kept.append((message, pieces, 0))
    return [_told(message, merged) for message, _, merged in kept]


def _listed(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    if isinstance(messages, (str, bytes, ChatMessage)):
        raise BadInput(f"messages must be a list of ChatMessage, got {messages!r:.60}")
    listed = list(messages)
    for position, message in enumerate(listed):
        if not isinstance(message, ChatMessage):
            raise BadInput(f"messages[{position}] must be a ChatMessage, got {message!r:.60}")
    return listed


def _within(newest: Sequence[ChatMessage], tokens: TokenBudget | None) -> Sequence[ChatMessage]:
    if tokens is None:
        return newest
    left, taken = tokens.limit, []
    for message in newest:
        left -= tokens.count(message.content)
        if left < 0:
            break
        taken.append(message)
    return taken


def _action(
    message: ChatMessage, now: datetime, half_life_hours: float, minimum_weight: float
) -> UserAction:
    age = (now - message.timestamp).total_seconds() / HOUR
    weight = message.weight * float(fade(age, half_life=half_life_hours))
    told = {"role": message.role, "user_id": message.user_id, "age_hours": round(age, 4)}
    return UserAction(
        CHAT,
        message.content,
        weight=max(weight, minimum_weight),
        user_id=message.user_id,
        metadata={**message.metadata, **told},
    )


def _told(message: ChatMessage, merged: int) -> ChatMessage:
    if not merged:
        return message
    return ChatMessage(
        message.content,
        message.timestamp,
        message.user_id,
        message.role,
        message.weight,
        {**message.metadata, "merged": merged},
    )


def _pieces(content: str) -> set[str]:
    plain = " ".join(content.casefold().split())
    return {plain[start : start + SHINGLE] for start in range(max(1, len(plain) - SHINGLE + 1))}


def _shared(pieces: set[str], theirs: set[str]) -> float:
    return len(pieces & theirs) / len(pieces | theirs)


def from_openai(
    messages: Iterable[Mapping[str, Any]], *, ended: datetime, user_id: str | None = None
) -> list[ChatMessage]:
    """A list of `{"role", "content"}` as chat models take them.

    Such lists carry no times: every turn without a `timestamp` (epoch seconds) is given the moment
    the conversation `ended`. Only the text of a content in parts is read; turns without any text
    (calls of tools) are passed over. `user_id` is the person behind the role "user".
    """
    moment = require_aware("ended", ended)
    found = []
    for place, message in enumerate(_objects(messages)):
        text = _openai_text(message.get("content"), place)
        if text.strip():
            role = str(message.get("role", ""))
            at = _epoch(message["timestamp"]) if "timestamp" in message else moment
            who = user_id if role == "user" else message.get("name")
            found.append(ChatMessage(text, at, who, role))
    return found


def from_slack(messages: Iterable[Mapping[str, Any]]) -> list[ChatMessage]:
    """The messages of a day's file in a Slack export; joins, bots and empty posts are told apart.

    People have the role "user", bots the role "assistant"; notices such as joins are passed over.
    """
    found = []
    for message in _objects(messages):
        text = str(message.get("text") or "")
        notice = message.get("subtype") not in SLACK_POSTS
        if message.get("type") != "message" or notice or not text.strip():
            continue
        bot = "bot_id" in message
        who = message.get("bot_id") if bot else message.get("user")
        told = {"thread": message["thread_ts"]} if "thread_ts" in message else {}
        role = "assistant" if bot else "user"
        found.append(ChatMessage(text, _epoch(message.get("ts")), who, role, metadata=told))
    return found


def from_discord(export: Mapping[str, Any]) -> list[ChatMessage]:
    """The messages of a channel as DiscordChatExporter writes them to JSON.

    People have the role "user", bots the role "assistant"; notices and empty posts are passed over.
    """
    found = []
    if not isinstance(export, Mapping):
        raise BadInput(f"an export must be an object with messages, got {export!r:.60}")
    for message in _objects(export.get("messages", ())):
        text, author = str(message.get("content") or ""), message.get("author", {})
        if not isinstance(author, Mapping):
            raise BadInput(f"an author must be an object, got {author!r:.60}")
        if message.get("type", "Default") not in ("Default", "Reply") or not text.strip():
            continue
        role = "assistant" if author.get("isBot") else "user"
        at = _iso(message.get("timestamp"))
        found.append(ChatMessage(text, at, author.get("id"), role))
    return found


def _objects(messages: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        raise BadInput(f"messages must be a list of objects, got {messages!r:.60}")
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise BadInput(f"messages[{place}] must be an object, got {message!r:.60}")
        yield message


def _openai_text(content: Any, place: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise BadInput(f"messages[{place}] content must be a text or parts, got {content!r:.60}")
    parts = [part for part in content if isinstance(part, Mapping)]
    if len(parts) < len(content):
        raise BadInput(f"messages[{place}] content must be parts that are objects")
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")


def _epoch(value: Any) -> datetime:
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadInput(f"a time must be epoch seconds, got {value!r}") from None


def _iso(value: Any) -> datetime:
    try:
        return require_aware("timestamp", datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise BadInput(f"timestamp must be ISO 8601 with an offset, got {value!r}") from None
