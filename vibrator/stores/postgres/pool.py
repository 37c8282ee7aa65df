"""Connections to PostgreSQL, and what their failures mean."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from vibrator.errors import BadInput, StoreBusy, StoreError, StoreUnavailable, VibratorError
from vibrator.optional import need

POOL_SIZE = 8
PATIENCE_SECONDS = 10.0  # for a connection, and for a lock
CANDIDATES = 100  # that HNSW looks at: recall 1.0 at 100k clustered vectors
# Where there is a choice, the one that costs no system call to make.
Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)
SESSION = f"""
SET search_path = vibrator, public;
SET lock_timeout = '{int(PATIENCE_SECONDS)}s';
SET hnsw.ef_search = {CANDIDATES};
SET hnsw.iterative_scan = relaxed_order;
CREATE TEMP TABLE IF NOT EXISTS staged (
    place integer, user_id text, kind text, event_id text, at timestamptz, text text, body jsonb
) ON COMMIT DELETE ROWS;
"""


class Pool:
    """Hands out connections, and tells failures in our own words."""

    def __init__(self, url: str) -> None:
        self._psycopg = need("psycopg", extra="postgres")
        pools = need("psycopg_pool", extra="postgres")
        self._timeout: type[Exception] = pools.PoolTimeout
        self.url = url
        self._pool = pools.ConnectionPool(
            url,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=PATIENCE_SECONDS,
            check=partial(_check, pools.ConnectionPool.check_connection),
            configure=partial(_configure, need("pgvector.psycopg", extra="postgres")),
            open=False,
        )

    def open(self) -> None:
        """Begin to hand out connections; a server that is not there is named."""
        with self.speaking():
            self._pool.open(wait=True, timeout=PATIENCE_SECONDS)

    def bare(self) -> Any:
        """A connection of its own outside any transaction, for what must not be inside one."""
        with self.speaking():
            return self._psycopg.connect(self.url, autocommit=True)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor inside a transaction: all of it or nothing."""
        with (
            self.speaking(),
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A cursor for single queries, without the round trips of a transaction."""
        with self.speaking(), self._pool.connection() as connection, connection.cursor() as cursor:
            yield cursor

    def rows(self, sql: str, values: Any = ()) -> list[Any]:
        """All rows of one query."""
        with self.reading() as cursor:
            found: list[Any] = cursor.execute(sql, values).fetchall()
            return found

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn what psycopg says inside into our own errors."""
        try:
            yield
        except VibratorError:
            raise
        except self._timeout as error:
            raise StoreUnavailable(f"PostgreSQL gives no connection: {error}") from error
        except self._psycopg.Error as error:
            raise _meaning(self._psycopg, error) from error

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def _check(ask: Callable[[Any], None], connection: Any) -> None:
    """Ask the server only where an idle connection has something to say: that it was closed."""
    with Selector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        if selector.select(0):
            ask(connection)


def _configure(pgvector: Any, connection: Any) -> None:
    connection.execute(SESSION)
    pgvector.register_vector(connection)  # vectors go over as bytes, not as words


def _meaning(psycopg: Any, error: Exception) -> VibratorError:
    kinds: tuple[tuple[Any, type[VibratorError], str], ...] = (
        (psycopg.errors.LockNotAvailable, StoreBusy, "somebody else holds a lock for too long"),
        (psycopg.errors.DeadlockDetected, StoreBusy, "somebody else holds a lock we need"),
        (psycopg.errors.DiskFull, StoreError, "the disk is full"),
        (psycopg.errors.ReadOnlySqlTransaction, StoreError, "the database is read-only"),
        (psycopg.errors.DataError, BadInput, "PostgreSQL cannot hold the value"),
        (psycopg.OperationalError, StoreUnavailable, "PostgreSQL cannot be reached"),
    )
    for cause, kind, words in kinds:
        if isinstance(error, cause):
            return kind(f"{words}: {error}")
    return StoreError(f"PostgreSQL: {error}")
