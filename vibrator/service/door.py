"""The door: who may come in, how much they may carry, how long they may take, what is noted."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from time import monotonic
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from vibrator.service.keys import OWNER, Caller, Keyring
from vibrator.service.limits import RateLimit
from vibrator.service.metrics import Metrics
from vibrator.service.problems import Problem, answers_known, problem_of
from vibrator.service.sessions import Sessions
from vibrator.service.settings import Settings

Message = MutableMapping[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
Told = Callable[[Request, Exception], Awaitable[Response]]
CALLER = "vibrator.caller"  # where the scope of a request keeps who asks
OPEN_PATHS = ("/healthz", "/readyz", "/console/login", "/static/", "/openapi.json")
UPLOADS = "/console/value/score"
MOST_DIGITS = 18  # of a length that may be read as a number
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # under no-referrer a form tells no origin, not even here
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
log = logging.getLogger("vibrator.service")
log.addHandler(logging.NullHandler())


class Door:
    """ASGI around the application; no words of users ever reach its log."""

    def __init__(
        self,
        app: Any,
        settings: Settings,
        keyring: Keyring | None,
        metrics: Metrics,
        *,
        hot: Mapping[str, Endpoint] = MappingProxyType({}),
    ) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self.keyring, self.hot = keyring, dict(hot)
        self.sessions = Sessions()
        self.rates = RateLimit(monotonic)
        self.told: Told = _told  # by the application: as a page to somebody who looks at pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, or the lifespan."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, sent = monotonic(), _Sent(send, kept=scope["path"].startswith("/static/"))
        try:
            headers = Headers(scope=scope)
            self._admit(scope, headers)
            carried = self._weighed(scope["path"], headers, receive)
            async with asyncio.timeout(self.settings.request_seconds):
                await self._within(scope, carried, sent)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            await self._refuse(error, scope, receive, sent)
        if sent.status == 429:
            self.metrics.turned_away.inc()
        self.metrics.took(route_of(scope), sent.status, monotonic() - started)

    async def _within(self, scope: Any, carried: Any, sent: _Sent) -> None:
        """The application; straight to the endpoint where its routing would take most of the time.

        Such an endpoint takes nothing but the request; what it raises is answered by `_refuse`.
        """
        endpoint = self.hot.get(scope["path"]) if scope["method"] == "POST" else None
        if endpoint is None:
            await self.app(scope, carried, sent)
            return
        scope["app"], scope["route"] = self.app, _Template(scope["path"])
        response = await endpoint(Request(scope, carried))
        await response(scope, carried, sent)

    def _admit(self, scope: Any, headers: Headers) -> None:
        path, method = scope["path"], scope["method"]
        _require_own_page(headers, method)
        if self.keyring is None:
            _require_local_name(headers.get("host", ""))
            scope[CALLER] = OWNER
            return
        caller = self._caller(headers)
        scope[CALLER] = caller
        if caller is None:
            if path.startswith(OPEN_PATHS):
                return
            raise Problem(401, "who are you", "this needs an API key: send Authorization: Bearer "
                          "vib_…", {"WWW-Authenticate": "Bearer"})  # fmt: skip
        wait = self.rates.wait(caller.key_id, per_second=caller.per_second)
        if wait:
            raise Problem(429, "limit reached", f"this key may ask {caller.per_second:g} times a "
                          "second", {"Retry-After": str(int(wait) + 1)})  # fmt: skip

    def _caller(self, headers: Headers) -> Caller | None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.keyring is not None:
            return self.keyring.caller(key.strip())
        return self.sessions.caller(headers.get("cookie", ""))

    def _weighed(self, path: str, headers: Headers, receive: Any) -> Callable[[], Any]:
        """The body, refused as soon as it is known to be too large."""
        given = self.settings
        limit = given.max_upload_bytes if path == UPLOADS else given.max_body_bytes
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or len(declared) > MOST_DIGITS or int(declared) > limit:
            raise _too_large(limit)
        seen = 0

        async def carried() -> Message:
            nonlocal seen
            message: Message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        return carried

    async def _refuse(self, error: Exception, scope: Any, receive: Any, sent: _Sent) -> None:
        if isinstance(error, Problem) and error.status == 401 and _wants_page(scope):
            error = Problem(303, "log in", "log in first", {"Location": "/console/login"})
        if not answers_known(error):
            note_failure(error, scope)
        if sent.status:
            return  # too late for another answer: the connection ends here
        answer = await self.told(Request(scope), error)
        await answer(scope, receive, sent)


@dataclass(frozen=True, slots=True)
class _Template:
    """What `route_of` reads of a route."""

    path: str


class _Sent:
    """Notes the status that goes out, and adds the headers that every answer carries."""

    def __init__(self, send: Any, *, kept: bool) -> None:
        self._send, self.status = send, 0
        self._headers = HEADERS if kept else [*HEADERS, (b"cache-control", b"no-store")]

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        await self._send(message)


def route_of(scope: Any) -> str:
    """The template of the route, so that no id of a user becomes a label."""
    return str(getattr(scope.get("route"), "path", "other")).replace(":path}", "}")


def note_failure(error: BaseException, scope: Any) -> None:
    """Where it failed, without the words of the error: they may be those of a user."""
    places = "".join(traceback.format_tb(error.__traceback__)[-6:])
    kind = type(error).__name__
    log.error("%s %s: %s\n%s", scope["method"], route_of(scope), kind, places)


async def _told(_request: Request, error: Exception) -> Response:
    return problem_of(error)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too large", f"body must not be larger than {limit:,} bytes")


def _wants_page(scope: Any) -> bool:
    if not scope["path"].startswith("/console"):
        return False
    return scope["method"] == "GET" or "text/html" in Headers(scope=scope).get("accept", "")


def _require_own_page(headers: Headers, method: str) -> None:
    """A page from elsewhere may not make a browser change anything here."""
    if method not in CHANGING:
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    known = origin is None or urlsplit(origin).netloc == headers.get("host", "")
    own = known if site is None else site in {"same-origin", "none"}  # no page can forge the site
    if not own:
        raise Problem(403, "refused", "another site's page may not send this")


def _require_local_name(host: str) -> None:
    """Without keys only a name of this machine is answered: a foreign one may be rebound to it."""
    if urlsplit(f"//{host}").hostname not in LOCAL_NAMES:
        raise Problem(421, "misdirected", "without keys only localhost is answered")
