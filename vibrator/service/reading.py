"""A body as JSON of one kind, or a refusal that names field, rule and value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request

from vibrator.errors import BadInput
from vibrator.service.bodies import MOST_ITEMS, WORDED, Attribute, Name, Words
from vibrator.service.problems import Problem

PLACED = re.compile(r"(?P<rule>.*?)(?: - at (?P<key>`key` in )?`\$\.?(?P<place>[^`]*)`)?", re.S)
NAMED = re.compile(r"Object (?:missing required|contains unknown) field `(\w+)`")
WORDLESS = (f"Expected `str` matching regex {WORDED!r}", "Expected `str` of length >= 1")
MEANT = dict.fromkeys(WORDLESS, "must be a text with words in it")  # plainer in our own words
ENTRIES = (Words, Attribute)  # what the mappings of the API have as values
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


async def read(request: Request, kind: Any) -> Any:
    """The body of a request."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(415, "wrong type", f"content-type must be application/json, got {media!r}")
    content = await request.body()
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise bad_body(str(error), content) from None


async def read_many(request: Request, name: str, kind: Any) -> list[Any]:
    """The body of a request that holds one of a kind or a list of them."""
    body = await read(request, kind | list[kind])
    listed = body if isinstance(body, list) else [body]
    if not 1 <= len(listed) <= MOST_ITEMS:
        raise BadInput(f"{name} must be 1 to {MOST_ITEMS}, got {len(listed)}")
    return listed


def bad_body(message: str, content: bytes) -> Problem:
    """The problem that a message of msgspec is about.

    >>> bad_body("Expected `int` >= 1 - at `$.k`", b'{"k": 0}').parts
    {'field': 'k', 'rule': 'Expected `int` >= 1', 'value': 0}
    """
    found = PLACED.fullmatch(message)
    rule, place = (message, "") if found is None else (found["rule"], found["place"] or "")
    named = NAMED.fullmatch(rule)
    field = f"{place}.{named[1]}".removeprefix(".") if named else place
    parts: dict[str, Any] = {"field": field or "body", "rule": MEANT.get(rule, rule)}
    if found is not None and found["key"]:
        parts["rule"] = f"key {parts['rule']}"
        parts["value"] = _culprit(value_at(content, place), rule, keys=True)[1]
    elif field.endswith("[...]"):
        field = field.removesuffix("[...]")
        name, parts["value"] = _culprit(value_at(content, field), rule)
        parts["field"] = f"{field}.{name}"
    elif field and "missing required" not in rule:
        parts["value"] = value_at(content, field)
    said = message if rule not in MEANT else f"{parts['field']} {parts['rule']}"
    problem = Problem(422, "bad input", said)
    problem.parts = parts
    return problem


def value_at(content: bytes, field: str) -> Any:
    """The value that a message of msgspec points at, such as `actions[3].type`.

    >>> value_at(b'{"a": [{"b": 7}]}', "a[0].b")
    7
    """
    value = msgspec.json.decode(content)
    for part in field.replace("[", ".[").split("."):
        if part.startswith("["):
            value = value[int(part[1:-1])] if part != "[...]" else None
        elif part and isinstance(value, Mapping):
            value = value.get(part)
    return value


def _culprit(entries: Any, rule: str, *, keys: bool = False) -> tuple[str, Any]:
    """The first entry of a mapping whose value (or key) breaks the rule.

    >>> _culprit({"a": "x", "b": ""}, "Expected `str` of length >= 1")
    ('b', '')
    """
    for name, value in entries.items() if isinstance(entries, Mapping) else ():
        one = name if keys else value
        if any(_breaks(one, kind, rule) for kind in ((Name,) if keys else ENTRIES)):
            return name, one
    return "[...]", None


def _breaks(value: Any, kind: Any, rule: str) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error) == rule
    return False
