"""What other components keep about people in the schema `vibrator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

OTHERS = (
    "SELECT name, user_column FROM personal_tables WHERE name NOT IN ('events', 'profiles')"
    " ORDER BY name"
)


def rows_of(cursor: Any, tenant: str, user_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The users' rows of every registered table but the store's own."""
    found = {}
    for table, column in cursor.execute(OTHERS).fetchall():
        sql = f"SELECT to_jsonb(t) FROM {table} t WHERE tenant = %s AND {column} = ANY(%s)"  # noqa: S608 - registered names
        rows = cursor.execute(sql, (tenant, list(user_ids))).fetchall()
        found[table] = [row for (row,) in rows]
    return found
