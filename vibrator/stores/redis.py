"""Redis: cached vectors and hot profiles in front of a durable store.

Redis may lose anything at any time; whatever it cannot give, or not quickly, comes from the store
behind it.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vibrator.errors import BadInput, StoreUnavailable, VersionConflict
from vibrator.optional import need
from vibrator.stores.halves import half_rows, key_bytes, whole_row
from vibrator.stores.ports import DEFAULT_TENANT, Snapshot
from vibrator.stores.refusals import require_same_encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
VECTOR_LIFE = timedelta(days=30)
PROFILE_LIFE = timedelta(days=1)
PASSWORD = "REDISCLI_AUTH"  # noqa: S105 - the environment variable that redis-cli reads too
PATIENCE_SECONDS = 0.5  # for one answer: a cache that is slower than that is down
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds without asking after a failure, doubling
EPOCH_BITS = 32
SCANNED_AT_ONCE = 1_000
# KEYS: epoch, profile. ARGV: epoch and number expected, life in ms, seq, fingerprint, body.
SAVE = """
local epoch = tonumber(redis.call('GET', KEYS[1]) or '0')
local number = tonumber(redis.call('HGET', KEYS[2], 'number') or '0')
if epoch ~= tonumber(ARGV[1]) or number ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], 'number', number + 1,
    'seq', ARGV[4], 'made_by', ARGV[5], 'body', ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"""


class Line:
    """The line to a server: while it is down, refuses at once and asks again now and then."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = need("redis", extra="redis")
        options: dict[str, Any] = {}
        if password := os.environ.get(PASSWORD):
            options["password"] = password
        try:
            self.client: Any = self._redis.Redis.from_url(
                url,
                socket_timeout=PATIENCE_SECONDS,
                socket_connect_timeout=PATIENCE_SECONDS,
                **options,
            )
        except ValueError as error:
            raise BadInput(f"not a Redis URL: {error}") from None
        self._clock = clock
        self._pause, self._silent_until = FIRST_PAUSE, float("-inf")

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """The client, for one exchange."""
        if self._clock() < self._silent_until:
            raise StoreUnavailable("Redis is down; it is asked again in a moment")
        try:
            yield self.client
        except (self._redis.ConnectionError, self._redis.TimeoutError) as error:
            self._silent_until = self._clock() + self._pause
            log.warning("Redis cannot be reached, not asked for %.1f s: %s", self._pause, error)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            raise StoreUnavailable(f"Redis cannot be reached: {error}") from error
        except self._redis.RedisError as error:  # full, read-only, a command that is not allowed
            words = str(error).rpartition("caused error: ")[2]  # without the command and its keys
            log.warning("Redis refused: %s", words)
            raise StoreUnavailable(f"Redis refused: {words}") from error
        self._pause = FIRST_PAUSE

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()


class RedisVectors:
    """Cached vectors with a life of their own."""

    def __init__(self, line: Line, tenant: str, *, life: timedelta = VECTOR_LIFE) -> None:
        self._line, self._life = line, life
        self._prefix = _prefix(tenant, "v")

    def get_many(self, keys: Sequence[str]) -> list[NDArray[np.float32] | None]:
        """A vector or None for each key, in the order of the keys."""
        if not keys:
            return []
        with self._line.asking() as client:
            kept = client.mget([self._prefix + key for key in key_bytes(keys)])
        return [whole_row(content) for content in kept]

    def put_many(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep one row per key; a key kept already is replaced."""
        rows = half_rows(keys, vectors)
        with self._line.asking() as client, client.pipeline(transaction=False) as pipe:
            for key, row in zip(key_bytes(keys), rows, strict=True):
                pipe.set(self._prefix + key, row.tobytes(), px=self._life)
            pipe.execute()

    def drop(self, keys: Sequence[str]) -> int:
        """Forget these; how many were there."""
        if not keys:
            return 0
        with self._line.asking() as client:
            return int(client.unlink(*(self._prefix + key for key in key_bytes(keys))))


class RedisProfiles:
    """Hot profiles with a life of their own, saved by a script that checks the version."""

    def __init__(self, line: Line, tenant: str, *, life: timedelta = PROFILE_LIFE) -> None:
        self._line, self._life = line, life
        self._prefix, self._epoch = _prefix(tenant, "p"), _prefix(tenant, "epoch")
        self._save = line.client.register_script(SAVE)

    def load(self, user_ids: Sequence[str], *, fingerprint: str) -> list[Snapshot]:
        """One snapshot a user; one that another encoder made is refused."""
        with self._line.asking() as client, client.pipeline(transaction=True) as pipe:
            pipe.get(self._epoch)
            for user in user_ids:
                pipe.hmget(self._key(user), "number", "seq", "made_by", "body")
            epoch, *rows = pipe.execute()
        version = int(epoch or 0) << EPOCH_BITS
        return [
            _snapshot(user, row, version, fingerprint)
            for user, row in zip(user_ids, rows, strict=True)
        ]

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """All or none; VersionConflict if any changed since it was loaded."""
        with self._line.asking() as client:
            watched = [self._epoch, *(self._key(s.user_id) for s in snapshots)]
            if len(snapshots) == 1:
                saved = self._save(keys=watched, args=self._content(snapshots[0]))
            else:
                saved = self._save_all(client, watched, snapshots)
        if not saved:
            raise VersionConflict("a profile changed since it was loaded: load it again")

    def drop(self, user_ids: Sequence[str]) -> int:
        """Forget these users, saves in flight included; how many were there."""
        with self._line.asking() as client, client.pipeline(transaction=True) as pipe:
            pipe.incr(self._epoch)
            if user_ids:
                pipe.unlink(*map(self._key, user_ids))
            return int(pipe.execute()[-1]) if user_ids else 0

    def _save_all(self, client: Any, watched: list[bytes], snapshots: Sequence[Snapshot]) -> bool:
        watching = need("redis", extra="redis").WatchError
        with client.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(*watched)
                epoch = int(pipe.get(self._epoch) or 0) << EPOCH_BITS
                for s in snapshots:
                    if epoch + int(pipe.hget(self._key(s.user_id), "number") or 0) != s.version:
                        return False
                pipe.multi()
                for s in snapshots:
                    self._save(
                        keys=[self._epoch, self._key(s.user_id)], args=self._content(s), client=pipe
                    )
                return all(pipe.execute())
            except watching:
                return False

    def _content(self, s: Snapshot) -> list[Any]:
        epoch, number = s.version >> EPOCH_BITS, s.version & ((1 << EPOCH_BITS) - 1)
        life = int(self._life / timedelta(milliseconds=1))
        return [epoch, number, life, s.seq, s.fingerprint, s.body]

    def _key(self, user: str) -> bytes:
        return self._prefix + user.encode()


class RedisStore:
    """The two ports that a cache has: `vectors` and `profiles`."""

    def __init__(self, url: str, *, tenant: str = DEFAULT_TENANT) -> None:
        self.tenant = tenant
        self.line = Line(url)
        self.vectors = RedisVectors(self.line, tenant)
        self.profiles = RedisProfiles(self.line, tenant)

    def clear(self) -> None:
        """Forget everything of this tenant."""
        with self.line.asking() as client:
            for kind in ("v", "p"):
                pattern = _escaped(_prefix(self.tenant, kind)) + b"*"
                for key in client.scan_iter(match=pattern, count=SCANNED_AT_ONCE):
                    client.unlink(key)
        self.profiles.drop([])

    def rewrite(self) -> str:
        """Ask for an append-only file without what was dropped; what remains to be said of it."""
        with self.line.asking() as client:
            appends = int(client.info("persistence").get("aof_enabled", 0))
        if not appends:
            return "redis: dropped keys stay readable in the last dump until the next is written"
        try:
            with self.line.asking() as client:
                client.bgrewriteaof()
        except StoreUnavailable as error:  # under way already, or not allowed here
            return f"redis: run BGREWRITEAOF, dropped keys stay readable until then ({error})"
        return (
            "redis: dropped keys stay readable in the append-only file until the rewrite that was "
            "just asked for is done"
        )

    def close(self) -> None:
        """Let go of the connections."""
        self.line.close()


def open_redis(url: str, *, tenant: str) -> RedisStore:
    """`redis://host:6379/0`, `rediss://…` or `unix:///path/to/socket`."""
    return RedisStore(url, tenant=tenant)


def _prefix(tenant: str, kind: str) -> bytes:
    # The length in front keeps tenant "a:v" from ever reaching into tenant "a".
    name = tenant.encode()
    return b"vibrator:%d:%s:%s:" % (len(name), name, kind.encode())


def _escaped(pattern: bytes) -> bytes:
    return re.sub(rb"([\\*?\[\]^])", rb"\\\1", pattern)


def _snapshot(user: str, row: list[Any], version: int, fingerprint: str) -> Snapshot:
    number, seq, made_by, body = row
    if number is None:
        return Snapshot(user_id=user, version=version)
    require_same_encoder(user, made_by.decode(), fingerprint)
    return Snapshot(
        user_id=user, body=body, seq=int(seq), fingerprint=fingerprint,
        version=version + int(number),
    )  # fmt: skip
