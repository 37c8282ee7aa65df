"""The event log in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from vibrator.stores.journal import dump_body
from vibrator.stores.pages import Row, narrowed, read_pages
from vibrator.stores.ports import Event, Which
from vibrator.stores.postgres.pool import Pool
from vibrator.stores.refusals import require_made

COLUMNS = "seq, user_id, kind, event_id, at, text, body::text"
# One appender a tenant at a time: a place in the log is then never handed out before an earlier
# one is there to be read, and a reader that goes on from its last place misses nothing.
IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('vibrator events ' || %s, 0))"
# Who was merged is asked on the way, in the statement itself, which the turn lets see every merge.
MERGED = "SELECT user_id FROM events WHERE tenant = %s AND kind = 'merge' AND event_id ="
MADE = "SELECT event_id FROM events WHERE tenant = %s AND kind = 'decision' AND event_id = ANY(%s)"
APPEND_ONE = (
    "INSERT INTO events (tenant, user_id, kind, event_id, at, text, body)"  # noqa: S608 - constants
    f" VALUES (%s, coalesce(({MERGED} %s), %s), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
STAGE = "COPY staged (place, user_id, kind, event_id, at, text, body) FROM STDIN"
APPEND_STAGED = (
    "INSERT INTO events (tenant, user_id, kind, event_id, at, text, body)"  # noqa: S608 - constants
    f" SELECT %s, coalesce(({MERGED} staged.user_id), user_id), kind, event_id, at, text, body"
    " FROM staged ORDER BY place ON CONFLICT DO NOTHING"
)


class PostgresEvents:
    """An append-only table."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def append(self, events: Sequence[Event], *, needing: Collection[str] = ()) -> int:
        """Keep the events that are new, all or none; on return they are safe. How many were new."""
        if not events:
            return 0
        rows = [(e.user_id, e.kind, e.event_id, e.at, e.text, dump_body(e.body)) for e in events]
        with self._pool.cursor() as cursor:
            cursor.execute(IN_TURN, (self._tenant,))
            if needing:
                made = cursor.execute(MADE, (self._tenant, list(needing))).fetchall()
                require_made(needing, {name for (name,) in made})
            if len(rows) == 1:
                user = rows[0][0]
                cursor.execute(APPEND_ONE, (self._tenant, self._tenant, user, *rows[0]))
                return int(cursor.rowcount)
            with cursor.copy(STAGE) as copy:
                for place, row in enumerate(rows):
                    copy.write_row((place, *row))
            cursor.execute(APPEND_STAGED, (self._tenant, self._tenant))
            return int(cursor.rowcount)

    def read(self, which: Which) -> Iterator[Event]:
        """The chosen events in log order."""
        return read_pages(which, self._page, _in_utc)

    def _page(self, which: Which, order: str, limit: int) -> list[Row]:
        conditions = ["tenant = %s", "seq > %s"]
        values: list[Any] = [self._tenant, which.after]
        for column, wanted in narrowed(which):
            conditions.append(f"{column} = ANY(%s)")
            values.append(list(wanted))
        if which.until is not None:
            conditions.append("at <= %s")
            values.append(which.until)
        if which.kinds == ("outcome",):
            conditions.append("kind = 'outcome'")  # spelled out, so that its own index serves
        return self._pool.rows(
            f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(conditions)}"  # noqa: S608 - fixed names
            f" ORDER BY {order} LIMIT %s",
            (*values, limit),
        )


def _in_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
