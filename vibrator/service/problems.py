"""What went wrong, as application/problem+json that names field, rule and value (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Response

from vibrator.errors import (
    ArtefactError,
    BadInput,
    LimitReached,
    MissingExtra,
    ModelUnavailable,
    NotFitted,
    Refused,
    StoreBusy,
    StoreError,
    StoreUnavailable,
    UnknownName,
    VersionConflict,
    VibratorError,
)

MEDIA_TYPE = "application/problem+json"
SHOWN = 200  # characters of a value that a problem repeats
RETRY_SECONDS = 1

STATUS: dict[type[Exception], tuple[int, str]] = {
    BadInput: (422, "bad input"),
    UnknownName: (404, "unknown name"),
    NotFitted: (409, "not fitted"),
    MissingExtra: (501, "missing extra"),
    ModelUnavailable: (503, "model unavailable"),
    ArtefactError: (409, "artefact error"),
    Refused: (403, "refused"),
    LimitReached: (429, "limit reached"),
    StoreBusy: (503, "store busy"),
    StoreUnavailable: (503, "store unavailable"),
    VersionConflict: (409, "version conflict"),
    StoreError: (503, "store error"),
    VibratorError: (500, "error"),
    OverflowError: (422, "bad input"),
    RecursionError: (422, "nested too deeply"),
    TimeoutError: (504, "too slow"),
}
SENTENCE = re.compile(
    r"(?P<field>[\w.\[\]'$ -]+?) (?P<rule>must .+?)(?:, got (?P<value>.+))?", re.S
)


class Problem(Exception):
    """Something the service itself refuses, with its HTTP status."""

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.headers = status, title, dict(headers or {})
        self.parts: dict[str, Any] = {}


def problem_of(error: Exception) -> Response:
    """The answer to a caller whose request ended in this error."""
    if isinstance(error, Problem):
        parts = {**_sentence(str(error)), **error.parts}
        return _answer(error.status, error.title, parts, error.headers)
    if isinstance(error, (msgspec.DecodeError, UnicodeDecodeError)):
        return _answer(400, "not JSON", {"detail": f"the body must be JSON in UTF-8: {error}"})
    known = next((kind for kind in type(error).__mro__ if kind in STATUS), None)
    if known is None:
        words = "the service failed; its log names the place"
        return _answer(500, "internal error", {"detail": words})
    status, title = STATUS[known]
    headers = {"Retry-After": str(RETRY_SECONDS)} if status in {429, 503} else {}
    return _answer(status, title, _sentence(str(error)), headers)


def answers_known(error: Exception) -> bool:
    """Whether the error has a status of its own, so that no log needs to tell its place."""
    return problem_of(error).status_code != 500


def _answer(
    status: int, title: str, parts: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    kind = title.replace(" ", "-").lower()
    body = {"type": f"urn:vibrator:{kind}", "title": title, "status": status, **parts}
    content = msgspec.json.encode(body)
    return Response(content, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def _sentence(detail: str) -> dict[str, Any]:
    """Errors of the house say `field must rule, got value`; their parts become members."""
    readable = detail.encode(errors="replace").decode()
    parts: dict[str, Any] = {"detail": readable}
    match = SENTENCE.fullmatch(readable)
    if match is not None:
        named = {name: text for name, text in match.groupdict().items() if text is not None}
        parts |= {name: text[:SHOWN] for name, text in named.items()}
    return parts
