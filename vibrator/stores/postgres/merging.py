"""Who is who: one user's rows become another's, and stay so for what comes later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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
        sql = f"UPDATE {table} SET {column} = %s WHERE tenant = %s AND {column} = %s"  # noqa: S608 - registered names
        count = cursor.execute(sql, (known, *who)).rowcount
        moved += count if table == "events" else 0
    return int(moved)


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
