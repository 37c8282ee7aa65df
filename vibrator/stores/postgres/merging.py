"""One user's rows become another's."""

from __future__ import annotations

from typing import Any

from vibrator.stores.postgres.events import IN_TURN
from vibrator.stores.postgres.schema import BUMP, EPOCH


def merge_rows(cursor: Any, tenant: str, anonymous: str, known: str) -> int:
    """Move all rows inside the running transaction; how many events there were."""
    cursor.execute(IN_TURN, (tenant,))
    who = (tenant, anonymous)
    moved = _actions_to_the_end(cursor, who, known)
    cursor.execute("DELETE FROM profiles WHERE tenant = %s AND user_id = %s", who)
    tables = cursor.execute("SELECT name, user_column FROM personal_tables").fetchall()
    for table, column in tables:
        sql = f"UPDATE {table} SET {column} = %s WHERE tenant = %s AND {column} = %s"  # noqa: S608 - registered names
        count = cursor.execute(sql, (known, *who)).rowcount
        moved += count if table == "events" else 0
    cursor.execute(BUMP, (tenant, EPOCH))
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
