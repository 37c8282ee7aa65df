"""Forgetting in PostgreSQL: rows, and then the bytes they leave in the tables' files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from vibrator.stores.halves import in_chunks
from vibrator.stores.ports import Erased
from vibrator.stores.postgres.events import IN_TURN
from vibrator.stores.postgres.pool import Pool
from vibrator.stores.postgres.schema import BUMP, EPOCH
from vibrator.stores.postgres.statistics import drop_statistics

WAL = (
    "postgresql: deleted rows stay readable in the write-ahead log until its segments are "
    "recycled, and in archives, replicas and backups as long as you keep those"
)
EVENTS = "events"
DROP_UNDECIDED = (
    "DELETE FROM events WHERE tenant = %s AND kind = 'outcome' AND NOT EXISTS ("
    "SELECT FROM events AS made WHERE made.tenant = events.tenant AND made.kind = 'decision'"
    " AND made.event_id = events.body ->> 'decision_id')"
)
DROP_VECTORS = "DELETE FROM vectors WHERE tenant = %s AND key = ANY(%s)"


def erase_users(
    pool: Pool, tenant: str, user_ids: Sequence[str], keys: Iterable[str], upto: int
) -> Erased:
    """Every row of these users in every table that says it holds rows of people."""
    with _alone(pool, tenant) as cursor:
        rows = {}
        tables = cursor.execute("SELECT name, user_column FROM personal_tables").fetchall()
        for table, column in tables:
            seen = f" AND seq <= {upto:d}" if table == EVENTS else ""
            sql = f"DELETE FROM {table} WHERE tenant = %s AND {column} = ANY(%s){seen}"  # noqa: S608 - registered names
            rows[table] = cursor.execute(sql, (tenant, list(user_ids))).rowcount
        rows["vectors"] = _drop_vectors(cursor, tenant, keys)
    return Erased(rows=rows, pending=(*compact(pool, list(rows)), WAL))


def erase_before(
    pool: Pool, tenant: str, before: datetime, keys: Iterable[str], upto: int
) -> Erased:
    """Every older event; profiles that held one are folded anew at the next read.

    What people agreed to, and who is who, is kept: a no does not wear off. What came of a decision
    goes with it, however late it came.
    """
    old = "tenant = %s AND at < %s AND seq <= %s AND kind NOT IN ('consent', 'merge')"
    values = (tenant, before, upto)
    touched = (
        "DELETE FROM profiles WHERE tenant = %s AND user_id IN"  # noqa: S608 - fixed names
        f" (SELECT user_id FROM events WHERE {old} AND kind = 'action')"
    )
    with _alone(pool, tenant) as cursor:
        rows = {
            "profiles": cursor.execute(touched, (tenant, *values)).rowcount,
            "events": cursor.execute(f"DELETE FROM events WHERE {old}", values).rowcount  # noqa: S608 - fixed names
            + cursor.execute(DROP_UNDECIDED, (tenant,)).rowcount,
            "vectors": _drop_vectors(cursor, tenant, keys),
        }
    return Erased(rows=rows, pending=(*compact(pool, list(rows)), WAL))


@contextmanager
def _alone(pool: Pool, tenant: str) -> Iterator[Any]:
    """A transaction while nobody appends or merges, after which saves in flight are refused."""
    with pool.cursor() as cursor:
        cursor.execute(IN_TURN, (tenant,))
        cursor.execute(BUMP, (tenant, EPOCH))  # first: a save holds this row, then a profile's
        yield cursor


def _drop_vectors(cursor: Any, tenant: str, keys: Iterable[str]) -> int:
    return sum(cursor.execute(DROP_VECTORS, (tenant, some)).rowcount for some in in_chunks(keys))


def compact(pool: Pool, tables: Sequence[str]) -> tuple[str, ...]:
    """Rewrite the tables' files without what was deleted; what could not be done is said."""
    with pool.speaking(), pool.bare() as connection:
        for table in tables:
            connection.execute(f"VACUUM FULL vibrator.{table}")
        return drop_statistics(connection, tables)
