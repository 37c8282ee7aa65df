"""Who is who: one user's rows become another's, and stay so for what comes later."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from vibrator.stores.journal import MERGE, micros
from vibrator.stores.refusals import require_mergeable
from vibrator.stores.sqlite.connection import personal_tables
from vibrator.stores.sqlite.database import marks
from vibrator.stores.sqlite.schema import BUMP, EPOCH

LOOKUP = 500
ACTIONS = "tenant = ? AND user_id = ? AND kind = 'action'"
MOVED = "user_id, tenant, kind, event_id, at, text, body"
SAY = (
    "INSERT OR IGNORE INTO events (tenant, user_id, kind, event_id, at, text, body)"
    " VALUES (?, ?, ?, ?, ?, '', '{}')"
)


def merged(connection: sqlite3.Connection, tenant: str, users: Sequence[str]) -> dict[str, str]:
    """Those of the users who were merged, and into whom."""
    found: dict[str, str] = {}
    for start in range(0, len(users), LOOKUP):
        few = users[start : start + LOOKUP]
        sql = (
            "SELECT event_id, user_id FROM events"  # noqa: S608 - marks only
            f" WHERE tenant = ? AND kind = ? AND event_id IN ({marks(len(few))})"
        )
        found.update(connection.execute(sql, (tenant, MERGE, *few)))
    return found


def merge(
    connection: sqlite3.Connection, tenant: str, anonymous: str, known: str, at: datetime
) -> int:
    """Say who is who and move all rows, inside the running transaction; how many events moved."""
    already = merged(connection, tenant, [anonymous, known])
    target = already.get(known, known)
    require_mergeable(anonymous, known, already.get(anonymous), target)
    connection.execute(SAY, (tenant, target, MERGE, anonymous, micros(at)))
    return _move(connection, tenant, anonymous, target)


def _move(connection: sqlite3.Connection, tenant: str, anonymous: str, known: str) -> int:
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
