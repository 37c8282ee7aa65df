"""The event log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from vibrator.stores.journal import dump_body, from_micros, micros
from vibrator.stores.pages import Row, narrowed, ordered, read_pages
from vibrator.stores.ports import Event, Which
from vibrator.stores.refusals import require_made
from vibrator.stores.sqlite.database import Database, marks
from vibrator.stores.sqlite.merging import merged

LOOKUP = 500  # ids in one SELECT
APPEND = (
    "INSERT OR IGNORE INTO events (tenant, user_id, kind, event_id, at, text, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
MERGED = "SELECT user_id FROM events WHERE tenant = ? AND kind = 'merge' AND event_id = ?"
APPEND_ONE = (  # and ask on the way who the user is now: a second query would cost three times that
    "INSERT OR IGNORE INTO events (tenant, user_id, kind, event_id, at, text, body)"  # noqa: S608 - constants
    f" VALUES (?, coalesce(({MERGED}), ?), ?, ?, ?, ?, ?)"
)
MADE = "SELECT event_id FROM events WHERE tenant = ? AND kind = 'decision'"
COLUMNS = "seq, user_id, kind, event_id, at, text, body"


class SQLiteEvents:
    """An append-only table; what `append` has acknowledged survives a killed process."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def append(self, events: Sequence[Event], *, needing: Collection[str] = ()) -> int:
        """Keep the events that are new, all or none; on return they are safe. How many were new."""
        if not events:
            return 0
        tenant = self._tenant
        rows: list[Row] = [
            (tenant, e.user_id, e.kind, e.event_id, micros(e.at), e.text, dump_body(e.body))
            for e in events
        ]
        with self._database.writing() as connection:
            if needing:
                require_made(needing, self._made(connection, list(needing)))
            if len(rows) == 1:
                user = events[0].user_id
                return connection.execute(APPEND_ONE, (tenant, tenant, user, *rows[0][1:])).rowcount
            moved = merged(connection, tenant, list({event.user_id for event in events}))
            if moved:
                rows = [(tenant, moved.get(user, user), *rest) for _, user, *rest in rows]
            return connection.executemany(APPEND, rows).rowcount

    def _made(self, connection: sqlite3.Connection, needed: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(needed), LOOKUP):
            few = needed[start : start + LOOKUP]
            sql = f"{MADE} AND event_id IN ({marks(len(few))})"
            found.update(name for (name,) in connection.execute(sql, (self._tenant, *few)))
        return found

    def read(self, which: Which) -> Iterator[Event]:
        """The chosen events in log order."""
        return read_pages(which, self._page, from_micros)

    def _page(self, which: Which, order: str, limit: int) -> list[Row]:
        if which.ids is not None and len(which.ids) > LOOKUP:
            return self._long_page(which, order, limit)
        conditions = ["tenant = ?", "seq > ?"]
        values: list[str | int] = [self._tenant, which.after]
        for column, wanted in narrowed(which):
            conditions.append(f"{column} IN ({marks(len(wanted))})")
            values += wanted
        if which.until is not None:
            conditions.append("at <= ?")
            values.append(micros(which.until))
        if which.kinds == ("outcome",):
            conditions.append("kind = 'outcome'")  # spelled out, so that its own index serves
        return self._database.rows(
            f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(conditions)}"  # noqa: S608 - fixed names
            f" ORDER BY {order} LIMIT ?",
            (*values, limit),
        )

    def _long_page(self, which: Which, order: str, limit: int) -> list[Row]:
        ids = which.ids or ()
        parts = [ids[start : start + LOOKUP] for start in range(0, len(ids), LOOKUP)]
        rows = [row for part in parts for row in self._page(replace(which, ids=part), order, limit)]
        return ordered(rows, order)[:limit]
