"""One user's rows become another's."""

from __future__ import annotations

import sqlite3

from vibrator.stores.sqlite.connection import personal_tables
from vibrator.stores.sqlite.schema import BUMP, EPOCH

ACTIONS = "tenant = ? AND user_id = ? AND kind = 'action'"
MOVED = "user_id, tenant, kind, event_id, at, text, body"


def merge_rows(connection: sqlite3.Connection, tenant: str, anonymous: str, known: str) -> int:
    """Move all rows inside the running transaction; how many events there were."""
    who = (tenant, anonymous)
    moved = _actions_to_the_end(connection, who, known)
    connection.execute("DELETE FROM profiles WHERE tenant = ? AND user_id = ?", who)
    for table, column in personal_tables(connection):
        mine = f"tenant = ? AND {column} = ?"
        sql = f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {mine}"  # noqa: S608 - registered names
        count = connection.execute(sql, (known, *who)).rowcount
        moved += count if table == "events" else 0
        connection.execute(f"DELETE FROM {table} WHERE {mine}", who)  # noqa: S608 - registered names
    connection.execute(BUMP, (tenant, EPOCH))
    return moved


def _actions_to_the_end(connection: sqlite3.Connection, who: tuple[str, str], known: str) -> int:
    # With new places in the log, a profile that was folded so far takes them in.
    sql = f"SELECT {MOVED} FROM events WHERE {ACTIONS} ORDER BY seq"  # noqa: S608 - constants
    actions = connection.execute(sql, who).fetchall()
    connection.execute(f"DELETE FROM events WHERE {ACTIONS}", who)  # noqa: S608 - constants
    connection.executemany(
        f"INSERT INTO events ({MOVED}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        [(known, *rest) for _, *rest in actions],
    )
    return len(actions)
