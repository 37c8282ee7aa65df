"""Console log-ins: a random token in a cookie stands for a key, for some hours."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from time import monotonic

from vibrator.service.keys import Caller

COOKIE = "vibrator_session"
LIFETIME_SECONDS = 12 * 3600
MOST_SESSIONS = 10_000


class Sessions:
    """Who is logged in, in this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[Caller, float]] = {}

    def begin(self, caller: Caller) -> str:
        """A token for the cookie."""
        now = self._clock()
        self._open = {token: kept for token, kept in self._open.items() if kept[1] > now}
        if len(self._open) >= MOST_SESSIONS:
            self._open.pop(next(iter(self._open)))
        token = secrets.token_urlsafe(32)
        self._open[token] = caller, now + LIFETIME_SECONDS
        return token

    def caller(self, cookies: str) -> Caller | None:
        """Whose session the cookies of a request name."""
        kept = self._open.get(_token(cookies))
        return kept[0] if kept is not None and kept[1] > self._clock() else None

    def end(self, cookies: str) -> None:
        """Log out."""
        self._open.pop(_token(cookies), None)


def _token(cookies: str) -> str:
    if COOKIE not in cookies:
        return ""
    try:
        found = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
