"""Forgetting in SQLite: rows, and then the bytes they leave in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from vibrator.errors import StoreBusy, StoreError
from vibrator.stores.halves import in_chunks
from vibrator.stores.journal import micros
from vibrator.stores.ports import Erased
from vibrator.stores.sqlite.connection import MEMORY, personal_tables
from vibrator.stores.sqlite.database import Database
from vibrator.stores.sqlite.schema import BUMP, EPOCH

BUSY = "the file is in use by another process: run `vibrator store compact` when it is not"
EVENTS = "events"
DROP_UNDECIDED = (
    "DELETE FROM events WHERE tenant = ? AND kind = 'outcome' AND NOT EXISTS ("
    "SELECT 1 FROM events AS made WHERE made.tenant = events.tenant AND made.kind = 'decision'"
    " AND made.event_id = json_extract(events.body, '$.decision_id'))"
)
AGAIN = "run `vibrator store compact` when that is mended"


def erase_users(
    database: Database, tenant: str, user_ids: Sequence[str], keys: Iterable[str], upto: int
) -> Erased:
    """Every row of these users in every table that says it holds rows of people."""
    with database.writing() as connection:
        rows = {}
        for table, column in personal_tables(connection):
            seen = f" AND seq <= {upto:d}" if table == EVENTS else ""
            sql = f"DELETE FROM {table} WHERE tenant = ? AND {column} = ?{seen}"  # noqa: S608 - registered names
            values = [(tenant, user) for user in user_ids]
            rows[table] = max(connection.executemany(sql, values).rowcount, 0)
        rows["vectors"] = _drop_vectors(connection, tenant, keys)
        connection.execute(BUMP, (tenant, EPOCH))
    return Erased(rows=rows, pending=compact(database))


def erase_before(
    database: Database, tenant: str, before: datetime, keys: Iterable[str], upto: int
) -> Erased:
    """Every older event; profiles that held one are folded anew at the next read.

    What people agreed to, and who is who, is kept: a no does not wear off. What came of a decision
    goes with it, however late it came.
    """
    old = "tenant = ? AND at < ? AND seq <= ? AND kind NOT IN ('consent', 'merge')"
    values = (tenant, micros(before), upto)
    with database.writing() as connection:
        touched = (
            f"DELETE FROM profiles WHERE tenant = ? AND user_id IN"  # noqa: S608 - fixed names
            f" (SELECT user_id FROM events WHERE {old} AND kind = 'action')"
        )
        rows = {
            "profiles": connection.execute(touched, (tenant, *values)).rowcount,
            "events": connection.execute(f"DELETE FROM events WHERE {old}", values).rowcount  # noqa: S608 - fixed names
            + connection.execute(DROP_UNDECIDED, (tenant,)).rowcount,
            "vectors": _drop_vectors(connection, tenant, keys),
        }
        connection.execute(BUMP, (tenant, EPOCH))
    return Erased(rows=rows, pending=compact(database))


def compact(database: Database) -> tuple[str, ...]:
    """Rewrite the file without what was deleted; what could not be done is said."""
    if database.path == MEMORY:
        return ()
    try:
        with database.reading() as connection:
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except StoreBusy:
        return (f"sqlite: deleted rows may still be read from the raw file; {BUSY}",)
    except StoreError as error:  # a full disk: what is deleted stays deleted
        return (f"sqlite: deleted rows may still be read from the raw file; {error}: {AGAIN}",)
    if busy:
        return (f"sqlite: deleted rows may still be read from the write-ahead log; {BUSY}",)
    return ()


def _drop_vectors(connection: sqlite3.Connection, tenant: str, keys: Iterable[str]) -> int:
    sql = "DELETE FROM vectors WHERE tenant = ? AND key = ?"
    return sum(
        connection.executemany(sql, [(tenant, key) for key in some]).rowcount
        for some in in_chunks(keys)
    )
