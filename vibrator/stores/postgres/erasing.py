"""Forgetting in PostgreSQL: rows, and then the bytes they leave in the tables' files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vibrator.stores.ports import Erased
from vibrator.stores.postgres.pool import Pool
from vibrator.stores.postgres.schema import BUMP, EPOCH
from vibrator.stores.postgres.statistics import drop_statistics

WAL = (
    "postgresql: deleted rows stay readable in the write-ahead log until its segments are "
    "recycled, and in archives, replicas and backups as long as you keep those"
)
DROP_VECTORS = "DELETE FROM vectors WHERE tenant = %s AND key = ANY(%s)"


def erase_users(pool: Pool, tenant: str, user_ids: Sequence[str], keys: Sequence[bytes]) -> Erased:
    """Every row of these users in every table that says it holds rows of people."""
    with pool.cursor() as cursor:
        rows = {}
        tables = cursor.execute("SELECT name, user_column FROM personal_tables").fetchall()
        for table, column in tables:
            sql = f"DELETE FROM {table} WHERE tenant = %s AND {column} = ANY(%s)"  # noqa: S608 - registered names
            rows[table] = cursor.execute(sql, (tenant, list(user_ids))).rowcount
        rows["vectors"] = cursor.execute(DROP_VECTORS, (tenant, list(keys))).rowcount
        cursor.execute(BUMP, (tenant, EPOCH))
    return Erased(rows=rows, pending=(*compact(pool, list(rows)), WAL))


def erase_before(pool: Pool, tenant: str, before: datetime, keys: Sequence[bytes]) -> Erased:
    """Every older event; profiles that held one are folded anew at the next read.

    What people agreed to, and who is who, is kept: a no does not wear off.
    """
    old = "tenant = %s AND at < %s AND kind NOT IN ('consent', 'merge')"
    touched = (
        "DELETE FROM profiles WHERE tenant = %s AND user_id IN"  # noqa: S608 - fixed names
        f" (SELECT user_id FROM events WHERE {old} AND kind = 'action')"
    )
    with pool.cursor() as cursor:
        rows = {
            "profiles": cursor.execute(touched, (tenant, tenant, before)).rowcount,
            "events": cursor.execute(f"DELETE FROM events WHERE {old}", (tenant, before)).rowcount,  # noqa: S608 - fixed names
            "vectors": cursor.execute(DROP_VECTORS, (tenant, list(keys))).rowcount,
        }
        cursor.execute(BUMP, (tenant, EPOCH))
    return Erased(rows=rows, pending=(*compact(pool, list(rows)), WAL))


def compact(pool: Pool, tables: Sequence[str]) -> tuple[str, ...]:
    """Rewrite the tables' files without what was deleted; what could not be done is said."""
    with pool.speaking(), pool.bare() as connection:
        for table in tables:
            connection.execute(f"VACUUM FULL vibrator.{table}")
        return drop_statistics(connection, tables)
