"""JSON over HTTP with patience, and the one-method port to language models that stands on it."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, NoReturn, Protocol, runtime_checkable
from urllib.parse import urlencode, urlsplit

import numpy as np

from vibrator.checks import require_positive, require_text
from vibrator.errors import BadInput, LimitReached, ModelUnavailable

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com"
ANTHROPIC_VERSION = "2023-06-01"
LONGEST_WAIT = 60.0  # seconds; a server that asks for more is told no by giving up


@dataclass(frozen=True, slots=True)
class JsonClient:
    """Sends JSON and reads JSON; tries again only after 429 and 5xx, with growing random pauses.

    A server on this machine is reached directly, whatever proxy the environment names. Redirects
    are refused, so that a key in `headers` reaches nobody but the server it was given for.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0  # seconds for each attempt
    retries: int = 3
    pause: float = 0.5  # seconds, the upper end of the first pause
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    rng: np.random.Generator = field(default_factory=np.random.default_rng, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(require_text("url", self.url))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadInput(f"url must start with http:// or https://, got {self.url!r}")
        if parts.username or parts.password:
            raise BadInput("url must not carry a user or password; put them into headers")
        require_positive("timeout", self.timeout)
        if self.retries < 0 or self.pause < 0:
            raise BadInput(
                f"retries and pause must not be negative, got {self.retries}, {self.pause}"
            )
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @property
    def local(self) -> bool:
        """Whether the server is on this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")

    def get(self, path: str = "", params: Mapping[str, Any] | None = None) -> Any:
        """The JSON found at a path."""
        query = f"?{urlencode(params)}" if params else ""
        return self._send("GET", path + query, None)

    def post(self, path: str, body: Any) -> Any:
        """The JSON answered to a JSON body."""
        return self._send("POST", path, json.dumps(body, allow_nan=False).encode())

    def _send(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.headers}
        request = urllib.request.Request(  # noqa: S310  # the scheme was checked at birth
            self.url + path, data=body, headers=headers, method=method
        )
        for attempt in range(self.retries + 1):
            try:
                return self._once(request)
            except urllib.error.HTTPError as error:
                with error:
                    wait = self._wait(error, attempt)
                    if wait is None:
                        self._give_up(method, path, error)
                self.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: urllib.request.Request) -> Any:
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self.local:
            handlers.append(urllib.request.ProxyHandler({}))
        try:
            with urllib.request.build_opener(*handlers).open(
                request, timeout=self.timeout
            ) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError:
            raise
        except TimeoutError:
            raise ModelUnavailable(f"{self.url} did not answer in {self.timeout:g} s") from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ModelUnavailable(f"{self.url} cannot be reached: {reason}") from None
        except ValueError:
            raise ModelUnavailable(f"{self.url} answered something that is not JSON") from None

    def _wait(self, error: urllib.error.HTTPError, attempt: int) -> float | None:
        """Seconds until the next attempt; none when there shall be no other."""
        if attempt == self.retries or not (error.code == 429 or 500 <= error.code <= 599):
            return None
        asked = error.headers.get("Retry-After", "")
        if asked.isdecimal():
            return float(asked) if int(asked) <= LONGEST_WAIT else None
        return float(self.rng.uniform(0.0, self.pause * 2.0**attempt))

    def _give_up(self, method: str, path: str, error: urllib.error.HTTPError) -> NoReturn:
        kind = LimitReached if error.code == 429 else ModelUnavailable
        where = f"{method} {self.url}{path.partition('?')[0]}"
        raise kind(f"{where} answered {error.code} {error.reason}{_code_of(error)}") from None


@runtime_checkable
class LanguageModel(Protocol):
    """Answers a prompt."""

    def complete(self, prompt: str) -> str:
        """The model's words, whole; a reply cut short is refused."""
        ...


class OpenAIModel:
    """Any endpoint that speaks OpenAI's chat completions, local ones included.

    The key is read here from the environment variable `key_from`; a server on this machine may go
    without. `options` are sent along (`{"max_tokens": 300}`); an option of None is left out.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key_from: str = "OPENAI_API_KEY",
        options: Mapping[str, Any] | None = None,
        **client: Any,
    ) -> None:
        self.model = require_text("model", model)
        self.options = {"temperature": 0.0, **(options or {})}
        url = url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        key = _key(key_from, url)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = JsonClient(url, headers, **client)

    def complete(self, prompt: str) -> str:
        """One user message in, the first choice out."""
        body = {"model": self.model, "messages": _messages(prompt), **self.options}
        reply = self.client.post("/chat/completions", _given(body))
        try:
            choice = reply["choices"][0]
            text, reason = choice["message"]["content"], choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise ModelUnavailable(f"{self.client.url} sent no chat completion") from None
        return _whole(text, cut=reason == "length", model=self.model)

    def __repr__(self) -> str:
        return f"OpenAIModel({self.model!r}, url={self.client.url!r})"


class AnthropicModel:
    """Anthropic's messages endpoint; the key is read from the environment variable `key_from`."""

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key_from: str = "ANTHROPIC_API_KEY",
        options: Mapping[str, Any] | None = None,
        **client: Any,
    ) -> None:
        self.model = require_text("model", model)
        self.options = {"temperature": 0.0, "max_tokens": 2048, **(options or {})}
        url = url or os.environ.get("ANTHROPIC_BASE_URL") or ANTHROPIC_URL
        key = _key(key_from, url)
        headers = {"anthropic-version": ANTHROPIC_VERSION, **({"x-api-key": key} if key else {})}
        self.client = JsonClient(url, headers, **client)

    def complete(self, prompt: str) -> str:
        """One user message in, all text blocks out."""
        body = {"model": self.model, "messages": _messages(prompt), **self.options}
        reply = self.client.post("/v1/messages", _given(body))
        try:
            text = "".join(part["text"] for part in reply["content"] if part["type"] == "text")
            reason = reply.get("stop_reason")
        except (KeyError, TypeError, AttributeError):
            raise ModelUnavailable(f"{self.client.url} sent no message") from None
        return _whole(text, cut=reason == "max_tokens", model=self.model)

    def __repr__(self) -> str:
        return f"AnthropicModel({self.model!r}, url={self.client.url!r})"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _key(variable: str, url: str) -> str | None:
    key = os.environ.get(variable)
    if not key and not _is_loopback(urlsplit(url).hostname or ""):
        raise ModelUnavailable(f"the environment variable {variable} is not set; {url} needs it")
    return key


def _messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": require_text("prompt", prompt)}]


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _whole(text: Any, *, cut: bool, model: str) -> str:
    if cut:
        raise LimitReached(f"{model} was cut off at its token limit; raise it in options")
    if not isinstance(text, str):
        raise ModelUnavailable(f"{model} answered without text")
    return text


def _code_of(error: urllib.error.HTTPError) -> str:
    """The server's short error code; its prose stays out, for it may repeat what was sent."""
    try:
        told = json.loads(error.read())["error"]
        code = told.get("code") or told.get("type")
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({code})" if isinstance(code, str) and len(code) <= 60 else ""
