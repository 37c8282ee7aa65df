"""Conversations kept elsewhere: message lists of chat models, exports of Slack and Discord."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from vibrator.chat.messages import ChatMessage
from vibrator.checks import require_aware, require_text
from vibrator.errors import BadInput

OPENAI_TEXTS = ("text", "input_text", "output_text")  # parts of a content that hold words
SLACK_POSTS = ("", "bot_message", "file_share", "me_message", "thread_broadcast")  # not notices
SLACK_LINK = re.compile(r"<(?P<sign>[@#!]?)(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")
SLACK_SIGNS = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}  # the three that Slack escapes
SLACKBOT = "USLACKBOT"
DISCORD_POSTS = ("Default", "Reply")


def from_openai(
    messages: Iterable[Mapping[str, Any]], *, ended: datetime, user_id: str | None = None
) -> list[ChatMessage]:
    """A list of `{"role", "content"}` as chat models take them.

    Such lists carry no times: every turn without a `timestamp` (epoch seconds) is given the moment
    the conversation `ended`. Only the text of a content in parts is read; turns without any text
    (calls of tools) are passed over. `user_id` is the person behind the role "user".
    """
    moment = require_aware("ended", ended)
    return _each(messages, lambda message: _of_openai(message, moment, user_id))


def from_slack(messages: Iterable[Mapping[str, Any]]) -> list[ChatMessage]:
    """The messages of a day's file in a Slack export.

    People have the role "user", bots the role "assistant". Joins and other notices, what was
    deleted and posts without text are passed over; an edited post has its last text and its first
    time, a reply its thread in the metadata. Links and names are read as they are shown.

    >>> post = {"type": "message", "user": "U7", "text": "<https://a.b|a map> &amp; a hut"}
    >>> from_slack([post | {"ts": "1772352000.0"}])[0].content
    'a map & a hut'
    """
    return _each(messages, _of_slack)


def from_discord(export: Mapping[str, Any]) -> list[ChatMessage]:
    """The messages of a channel as DiscordChatExporter writes them to JSON.

    People have the role "user", bots the role "assistant"; notices and posts without text (only
    an attachment) are passed over.
    """
    if not isinstance(export, Mapping) or "messages" not in export:
        raise BadInput(f"an export must be an object with messages, got {export!r:.60}")
    return _each(export["messages"], _of_discord)


def _each(messages: Any, read: Any) -> list[ChatMessage]:
    """What is read of each message; a fault says which message it is in."""
    found = []
    for place, message in enumerate(_listed(messages)):
        with _named(place):
            if not isinstance(message, Mapping):
                raise BadInput(f"must be an object, got {message!r:.60}")
            found += read(message)
    return found


def _of_openai(
    message: Mapping[str, Any], ended: datetime, user_id: str | None
) -> Iterator[ChatMessage]:
    role = require_text("role", message.get("role"))
    text = _openai_text(message.get("content"))
    if text.strip():
        given = message.get("timestamp")
        at = ended if given is None else _epoch("timestamp", given)
        yield ChatMessage(text, at, user_id if role == "user" else message.get("name"), role)


def _of_slack(message: Mapping[str, Any]) -> Iterator[ChatMessage]:
    kind, subtype = _text(message, "type"), _text(message, "subtype")
    if not kind:
        raise BadInput("type must say what this is, as in a Slack export; it is missing")
    text = _as_shown(_text(message, "text"))
    if kind != "message" or subtype not in SLACK_POSTS or message.get("hidden"):
        return
    if text.strip():
        bot, person = message.get("bot_id"), message.get("user")
        automatic = bot is not None or subtype == "bot_message" or person == SLACKBOT
        who = person if bot is None else bot
        told = {"thread": message["thread_ts"]} if "thread_ts" in message else {}
        role = "assistant" if automatic else "user"
        yield ChatMessage(text, _epoch("ts", message.get("ts")), who, role, metadata=told)


def _of_discord(message: Mapping[str, Any]) -> Iterator[ChatMessage]:
    text, author = _text(message, "content"), message.get("author", {})
    if not isinstance(author, Mapping):
        raise BadInput(f"author must be an object, got {author!r:.60}")
    if (_text(message, "type") or "Default") in DISCORD_POSTS and text.strip():
        role = "assistant" if author.get("isBot") else "user"
        yield ChatMessage(text, _iso(message.get("timestamp")), author.get("id"), role)


def _listed(messages: Any) -> Iterable[Any]:
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        raise BadInput(f"messages must be a list of objects, got {messages!r:.60}")
    return messages


@contextmanager
def _named(place: int) -> Iterator[None]:
    try:
        yield
    except BadInput as fault:
        raise BadInput(f"messages[{place}] {fault}") from None


def _text(message: Mapping[str, Any], name: str) -> str:
    """The text under a name, empty where there is none."""
    found = message.get(name)
    if found is not None and not isinstance(found, str):
        raise BadInput(f"{name} must be a text, got {found!r:.60}")
    return found or ""


def _openai_text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not all(isinstance(part, Mapping) for part in content):
        raise BadInput(f"content must be a text or parts that are objects, got {content!r:.60}")
    return "\n".join(_text(part, "text") for part in content if part.get("type") in OPENAI_TEXTS)


def _as_shown(text: str) -> str:
    """Slack's markup as people see it: labels of links, names with their sign, plain signs."""
    shown = SLACK_LINK.sub(_link, text)
    return re.sub("|".join(SLACK_SIGNS), lambda found: SLACK_SIGNS[found.group()], shown)


def _link(found: re.Match[str]) -> str:
    sign = found["sign"].replace("!", "@")
    words = found["label"] or found["target"]
    return words if words.startswith(sign) else sign + words


def _epoch(name: str, value: Any) -> datetime:
    try:
        return datetime.fromtimestamp(float(repr(value) if isinstance(value, bool) else value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadInput(f"{name} must be epoch seconds, got {value!r:.60}") from None


def _iso(value: Any) -> datetime:
    try:
        return require_aware("timestamp", datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise BadInput(f"timestamp must be ISO 8601 with an offset, got {value!r:.60}") from None
