"""Who is who: one user's rows become another's, and stay so for what comes later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vibrator.optional import need
from vibrator.stores.journal import MERGE
from vibrator.stores.postgres.events import IN_TURN
from vibrator.stores.postgres.schema import BUMP, EPOCH
from vibrator.stores.refusals import require_mergeable

MERGED = (
    "SELECT event_id, user_id FROM events WHERE tenant = %s AND kind = %s AND event_id = ANY(%s)"
)
SAY = (
    "INSERT INTO events (tenant, user_id, kind, event_id, at, text, body)"
    " VALUES (%s, %s, %s, %s, %s, '', '{}') ON CONFLICT DO NOTHING"
)


def merge(cursor: Any, tenant: str, anonymous: str, known: str, at: datetime) -> int:
    """Say who is who and move all rows, inside the running transaction; how many events moved."""
    cursor.execute(IN_TURN, (tenant,))
    cursor.execute(BUMP, (tenant, EPOCH))  # first: a save holds this row, and then a profile's
    already = dict(cursor.execute(MERGED, (tenant, MERGE, [anonymous, known])).fetchall())
    target = already.get(known, known)
    require_mergeable(anonymous, known, already.get(anonymous), target)
    cursor.execute(SAY, (tenant, target, MERGE, anonymous, at))
    return _move(cursor, tenant, anonymous, target)


def _move(cursor: Any, tenant: str, anonymous: str, known: str) -> int:
    who = (tenant, anonymous)
    moved = _actions_to_the_end(cursor, who, known)
    cursor.execute("DELETE FROM profiles WHERE tenant = %s AND user_id = %s", who)
    tables = cursor.execute("SELECT name, user_column FROM personal_tables").fetchall()
    for table, column in tables:
        count = _hand_over(cursor, table, column, (known, *who))
        moved += count if table == "events" else 0
    return int(moved)


def _hand_over(cursor: Any, table: str, column: str, values: tuple[str, ...]) -> int:
    """All rows of a table at once, or one by one where some may be there once a person only."""
    whose = f"tenant = %s AND {column} = %s"
    sql = f"UPDATE {table} SET {column} = %s WHERE {whose}"  # noqa: S608 - registered names
    if _allowed(cursor, sql, values):
        return int(cursor.rowcount)
    places = f"SELECT ctid FROM {table} WHERE {whose}"  # noqa: S608 - registered names
    moved = sum(
        _allowed(cursor, f"{sql} AND ctid = %s", (*values, place))
        for (place,) in cursor.execute(places, values[1:]).fetchall()
    )
    cursor.execute(f"DELETE FROM {table} WHERE {whose}", values[1:])  # noqa: S608 - registered names
    return moved


def _allowed(cursor: Any, sql: str, values: tuple[Any, ...]) -> bool:
    """Whether nothing else is in the way; what the known user has stays."""
    conflict = need("psycopg", extra="postgres").errors.UniqueViolation
    try:
        with cursor.connection.transaction():
            cursor.execute(sql, values)
    except conflict:
        return False
    return True


def _actions_to_the_end(cursor: Any, who: tuple[str, str], known: str) -> int:
    # With new places in the log, a profile that was folded so far takes the actions in.
    read = (
        "SELECT kind, event_id, at, text, body::text FROM events"
        " WHERE tenant = %s AND user_id = %s AND kind = 'action' ORDER BY seq"
    )
    actions = cursor.execute(read, who).fetchall()
    cursor.execute("DELETE FROM events WHERE tenant = %s AND user_id = %s AND kind = 'action'", who)
    cursor.executemany(
        "INSERT INTO events (tenant, user_id, kind, event_id, at, text, body)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [(who[0], known, *action) for action in actions],
    )
    return len(actions)
