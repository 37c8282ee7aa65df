"""The API from Python: one description of every verb, spoken by a sync and an async client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from vibrator.errors import (
    BadInput,
    LimitReached,
    Refused,
    StoreUnavailable,
    UnknownName,
    VersionConflict,
    VibratorError,
)
from vibrator.optional import need

SECONDS = 30.0
Answer = TypeVar("Answer")
ERRORS: dict[int, type[VibratorError]] = {
    400: BadInput, 401: Refused, 403: Refused, 404: UnknownName, 409: VersionConflict,
    412: VersionConflict, 413: BadInput, 415: BadInput, 422: BadInput, 429: LimitReached,
    503: StoreUnavailable,
}  # fmt: skip


class Verbs(ABC, Generic[Answer]):
    """Every verb as a request; how it is sent is the client's business."""

    def observe(
        self,
        user: str,
        kind: str,
        content: str,
        *,
        weight: float | None = None,
        timestamp: datetime | None = None,
        action_id: str | None = None,
    ) -> Answer:
        """Keep what somebody did."""
        told = {"user_id": user, "type": kind, "content": content, "weight": weight,
                "timestamp": timestamp, "action_id": action_id}  # fmt: skip
        return self.ask("POST", "/v1/actions", told)

    def observe_many(
        self, actions: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Answer:
        """Keep many actions, once however often they are sent under one key."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self.ask("POST", "/v1/actions", [dict(action) for action in actions], headers)

    def score(
        self,
        user: str,
        contents: Mapping[str, str],
        context: Mapping[str, Any] | None = None,
        *,
        explain: bool = False,
    ) -> Answer:
        """How well contents (name to text) fit, by name and slider."""
        return self.ask("POST", "/v1/score", {"user_id": user, "contents": dict(contents),
                        "context": dict(context or {}), "explain": explain})  # fmt: skip

    def rank(
        self, user: str, k: int = 10, *, slider: str | None = None, diversity: float = 0.0
    ) -> Answer:
        """The items of the catalogue that fit best."""
        asked = {"user_id": user, "k": k, "slider": slider, "diversity": diversity}
        return self.ask("POST", "/v1/rank", asked)

    def decide(
        self,
        user: str,
        candidates: Sequence[str] | Mapping[str, str],
        context: Mapping[str, Any] | None = None,
        *,
        surface: str = "default",
    ) -> Answer:
        """Choose among ids of the catalogue, or id to text."""
        offered = dict(candidates) if isinstance(candidates, Mapping) else list(candidates)
        asked = {"user_id": user, "candidates": offered, "surface": surface}
        return self.ask("POST", "/v1/decide", {**asked, "context": dict(context or {})})

    def outcome(
        self,
        decision_id: str,
        what: str,
        *,
        dwell_ms: float | None = None,
        reward: float | None = None,
    ) -> Answer:
        """Tell what came of a decision."""
        told = {"decision_id": decision_id, "what": what, "dwell_ms": dwell_ms, "reward": reward}
        return self.ask("POST", "/v1/outcomes", told)

    def put_items(self, items: Mapping[str, str]) -> Answer:
        """Keep content that may be shown, id to text."""
        listed = [{"item_id": name, "text": text} for name, text in items.items()]
        return self.ask("PUT", "/v1/items", listed)

    def put_slider(self, name: str, text: str, opposite: str | None = None) -> Answer:
        """Make or reword a slider."""
        body = {"text": text, "opposite": opposite}
        return self.ask("PUT", f"/v1/sliders/{quote(name, safe='')}", body)

    def user(self, user: str) -> Answer:
        """What is known of somebody."""
        return self.ask("GET", _user(user))

    def set_consent(self, user: str, *, granted: bool, purpose: str = "personalization") -> Answer:
        """Record a yes or no."""
        return self.ask("PUT", f"{_user(user)}/consent", {"granted": granted, "purpose": purpose})

    def export(self, user: str) -> Answer:
        """Everything kept of somebody."""
        return self.ask("GET", f"{_user(user)}/export")

    def forget(self, user: str) -> Answer:
        """Leave nothing of somebody behind."""
        return self.ask("DELETE", _user(user))

    def calibration(self) -> Answer:
        """How good the probabilities were."""
        return self.ask("GET", "/v1/calibration")

    @abstractmethod
    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Any request of the API."""


class Client(Verbs[dict[str, Any]]):
    """Each verb answers with plain values; a problem is raised as the error it names."""

    def __init__(self, base: str, *, key: str | None = None, **options: Any) -> None:
        self._http = need("httpx", extra="service").Client(**_options(base, key, options))

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Any request of the API."""
        return _read(self._http.request(method, path, json=_plain(body), headers=headers))

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


class AsyncClient(Verbs[Any]):
    """`await` any verb of the Client."""

    def __init__(self, base: str, *, key: str | None = None, **options: Any) -> None:
        self._http = need("httpx", extra="service").AsyncClient(**_options(base, key, options))

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Any request of the API."""
        return _read(await self._http.request(method, path, json=_plain(body), headers=headers))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._http.aclose()


def _options(base: str, key: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return {"base_url": base, "headers": headers, "timeout": SECONDS, **given}


def _user(user: str) -> str:
    return f"/v1/users/{quote(user, safe='')}"


def _plain(body: Any) -> Any:
    """Without what was left out, and with times as JSON writes them."""
    if isinstance(body, list):
        return [_plain(one) for one in body]
    if not isinstance(body, Mapping):
        return body
    given = {name: value for name, value in body.items() if value is not None}
    return {n: v.isoformat() if isinstance(v, datetime) else v for n, v in given.items()}


def _read(answer: Any) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:  # such as the page of a proxy in between
        told = None
    if answer.status_code < 400 and isinstance(told, dict):
        return told
    words = told.get("detail") if isinstance(told, dict) else None
    detail = words or f"{answer.url} answered {answer.status_code}, and not in words of the API"
    raise ERRORS.get(answer.status_code, VibratorError)(detail)
