"""What other components keep about people in the same file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from vibrator.stores.sqlite.connection import personal_tables
from vibrator.stores.sqlite.schema import PERSONAL


def rows_of(
    connection: sqlite3.Connection, tenant: str, user_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The users' rows of every registered table but the store's own; bytes are told in hex."""
    found = {}
    for table, column in personal_tables(connection):
        if table not in PERSONAL:
            sql = f"SELECT * FROM {table} WHERE tenant = ? AND {column} = ?"  # noqa: S608 - registered names
            found[table] = [
                row for user in user_ids for row in _rows(connection.execute(sql, (tenant, user)))
            ]
    return found


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor]


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
