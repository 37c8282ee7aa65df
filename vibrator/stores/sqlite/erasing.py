"""Forgetting in SQLite: rows, and then the bytes they leave in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from vibrator.errors import StoreBusy, StoreError
from vibrator.stores.halves import key_bytes
from vibrator.stores.journal import micros
from vibrator.stores.ports import Erased
from vibrator.stores.sqlite.connection import MEMORY, personal_tables
from vibrator.stores.sqlite.database import Database
from vibrator.stores.sqlite.schema import BUMP, EPOCH

BUSY = "the file is in use by another process: run `vibrator store compact` when it is not"
AGAIN = "run `vibrator store compact` when that is mended"


def erase_users(
    database: Database, tenant: str, user_ids: Sequence[str], keys: Sequence[str]
) -> Erased:
    """Every row of these users in every table that says it holds rows of people."""
    with database.writing() as connection:
        rows = {}
        for table, column in personal_tables(connection):
            sql = f"DELETE FROM {table} WHERE tenant = ? AND {column} = ?"  # noqa: S608 - registered names
            values = [(tenant, user) for user in user_ids]
            rows[table] = connection.executemany(sql, values).rowcount
        rows["vectors"] = _drop_vectors(connection, tenant, keys)
        connection.execute(BUMP, (tenant, EPOCH))
    return Erased(rows=rows, pending=compact(database))


def erase_before(database: Database, tenant: str, before: datetime, keys: Sequence[str]) -> Erased:
    """Every older event; profiles that held one are folded anew at the next read.

    What people agreed to, and who is who, is kept: a no does not wear off.
    """
    old = "tenant = ? AND at < ? AND kind NOT IN ('consent', 'merge')"
    values = (tenant, micros(before))
    with database.writing() as connection:
        touched = (
            f"DELETE FROM profiles WHERE tenant = ? AND user_id IN"  # noqa: S608 - fixed names
            f" (SELECT user_id FROM events WHERE {old} AND kind = 'action')"
        )
        rows = {
            "profiles": connection.execute(touched, (tenant, *values)).rowcount,
            "events": connection.execute(f"DELETE FROM events WHERE {old}", values).rowcount,  # noqa: S608 - fixed names
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


def _drop_vectors(connection: sqlite3.Connection, tenant: str, keys: Sequence[str]) -> int:
    sql = "DELETE FROM vectors WHERE tenant = ? AND key = ?"
    return max(connection.executemany(sql, [(tenant, key) for key in key_bytes(keys)]).rowcount, 0)
