"""The API from Python, sync and async: typed verbs, typed answers, errors of the library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

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
from vibrator.optional import need

msgspec = need("msgspec", extra="service")  # what bodies and answers below are made with

from vibrator.service.answers import ProblemOut  # noqa: E402
from vibrator.service.bodies import ActionIn, Deed, ItemIn, ScoreIn  # noqa: E402
from vibrator.service.verbs import Answer, Call, Later, Now, Verbs  # noqa: E402

__all__ = ["ActionIn", "AsyncClient", "Call", "Client", "Deed", "ItemIn", "ScoreIn"]
SECONDS = 30.0
BY_TYPE: dict[str, type[VibratorError]] = {
    "artefact-error": ArtefactError, "limit-reached": LimitReached, "missing-extra": MissingExtra,
    "model-unavailable": ModelUnavailable, "not-fitted": NotFitted, "store-busy": StoreBusy,
    "store-error": StoreError,
}  # fmt: skip
BY_STATUS: dict[int, type[VibratorError]] = {
    400: BadInput, 401: Refused, 403: Refused, 404: UnknownName, 409: VersionConflict,
    412: VersionConflict, 413: BadInput, 415: BadInput, 422: BadInput, 429: LimitReached,
    503: StoreUnavailable,
}  # fmt: skip


class Client(Verbs, Now):
    """Each verb gives its answer; a problem is raised as the error it names.

    `options` go to httpx.Client.
    """

    def __init__(self, base: str, *, key: str | None = None, **options: Any) -> None:
        self._http = need("httpx", extra="service").Client(**_options(base, key, options))

    def send(self, call: Call[Answer]) -> Answer:
        """Any call of the API."""
        with _heard(self._http.base_url):
            came = self._http.request(**_request(call))
        return _read(came, call)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(Verbs, Later):
    """The verbs of the Client, to be awaited; `options` go to httpx.AsyncClient."""

    def __init__(self, base: str, *, key: str | None = None, **options: Any) -> None:
        self._http = need("httpx", extra="service").AsyncClient(**_options(base, key, options))

    async def send(self, call: Call[Answer]) -> Answer:
        """Any call of the API."""
        with _heard(self._http.base_url):
            came = await self._http.request(**_request(call))
        return _read(came, call)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()


def _options(base: str, key: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    if key is not None and not _may_stand(key):
        raise BadInput("key must be as it was shown: ASCII, without a break of line")
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return {"base_url": base, "headers": headers, "timeout": SECONDS, **given}


def _may_stand(words: str) -> bool:
    """Whether a header can carry the words."""
    return words.isascii() and words.isprintable()


def _request(call: Call[Any]) -> dict[str, Any]:
    for name, words in call.headers.items():
        if not _may_stand(words):
            raise BadInput(f"{name} must be printable ASCII, got {words!r:.120}")
    plain = {"method": call.method, "url": call.path, "headers": dict(call.headers)}
    if call.body is None:
        return plain
    try:
        words = json.dumps(msgspec.to_builtins(call.body), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"what is sent must be plain JSON values: {error}") from None
    headers = {"Content-Type": "application/json", **call.headers}
    return {**plain, "headers": headers, "content": words.encode()}


@contextmanager
def _heard(base: Any) -> Iterator[None]:
    """Silence at the other end is an error of ours too."""
    try:
        yield
    except need("httpx", extra="service").TransportError as error:
        raise StoreUnavailable(f"{base} gave no answer: {error or type(error).__name__}") from error


def _read(came: Any, call: Call[Answer]) -> Answer:
    try:
        if came.status_code < 400:
            answer: Answer = msgspec.json.decode(came.content, type=call.answer)
            return answer
        problem = msgspec.json.decode(came.content, type=ProblemOut)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # such as a page of a proxy
        words = f"{came.url} answered {came.status_code}, and not in words of the API: {error}"
        raise BY_STATUS.get(came.status_code, VibratorError)(words) from None
    kind = BY_TYPE.get(problem.type.rpartition(":")[2])
    raise (kind or BY_STATUS.get(came.status_code, VibratorError))(problem.detail)
