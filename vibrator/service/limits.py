"""How often one caller may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BURST_SECONDS = 2.0  # of the rate that may be used at once


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True)
class RateLimit:
    """A token bucket for each name.

    >>> now = iter([0.0, 0.0, 0.0, 1.0])
    >>> limit = RateLimit(lambda: next(now))
    >>> [limit.wait("app", per_second=1.0) for _ in range(4)]
    [0.0, 0.0, 1.0, 0.0]
    """

    clock: Callable[[], float]
    _buckets: dict[str, _Bucket] = field(default_factory=dict, init=False, repr=False)

    def wait(self, name: str, *, per_second: float) -> float:
        """Take one token; the seconds until there is one again, 0 if there was."""
        now, room = self.clock(), max(1.0, per_second * BURST_SECONDS)
        bucket = self._buckets.setdefault(name, _Bucket(room, now))
        bucket.tokens = min(room, bucket.tokens + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return 0.0
        return (1.0 - bucket.tokens) / per_second
