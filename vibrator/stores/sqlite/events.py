"""The event log in SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vibrator.stores.journal import dump_body, from_micros, micros
from vibrator.stores.ports import Event, Which, events_from_columns
from vibrator.stores.sqlite.database import Database, marks

PAGE = 5_000  # rows read at a time: no read stays open while somebody works on them
LOOKUP = 500  # ids in one SELECT
APPEND = (
    "INSERT OR IGNORE INTO events (tenant, user_id, kind, event_id, at, text, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
COLUMNS = "seq, user_id, kind, event_id, at, text, body"


class SQLiteEvents:
    """An append-only table; what `append` has acknowledged survives a killed process."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def append(self, events: Sequence[Event]) -> int:
        """Keep the events that are new, all or none; on return they are safe. How many were new."""
        if not events:
            return 0
        tenant = self._tenant
        rows = [
            (tenant, e.user_id, e.kind, e.event_id, micros(e.at), e.text, dump_body(e.body))
            for e in events
        ]
        with self._database.writing() as connection:
            return connection.executemany(APPEND, rows).rowcount

    def read(self, which: Which) -> Iterator[Event]:
        """The chosen events in log order."""
        if which.newest is not None:
            newest = self._page(which, which.after, "DESC", which.newest)
            yield from _events(newest[::-1])
            return
        after = which.after
        while True:
            page = self._page(which, after, "ASC", PAGE)
            yield from _events(page)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def _page(self, which: Which, after: int, direction: str, limit: int) -> list[Any]:
        if which.ids is not None and len(which.ids) > LOOKUP:
            return self._long_page(which, after, direction, limit)
        conditions, values = ["tenant = ?", "seq > ?"], [self._tenant, after]
        for column, wanted in (
            ("user_id", which.users), ("kind", which.kinds), ("event_id", which.ids),
        ):  # fmt: skip
            if wanted is not None:
                conditions.append(f"{column} IN ({marks(len(wanted))})")
                values += wanted
        if which.kinds == ("outcome",):
            conditions.append("kind = 'outcome'")  # spelled out, so that its own index serves
        return self._database.rows(
            f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(conditions)}"  # noqa: S608 - fixed names
            f" ORDER BY seq {direction} LIMIT ?",
            (*values, limit),
        )

    def _long_page(self, which: Which, after: int, direction: str, limit: int) -> list[Any]:
        ids = which.ids or ()
        parts = [ids[start : start + LOOKUP] for start in range(0, len(ids), LOOKUP)]
        rows: list[Any] = []
        for part in parts:
            few = Which(users=which.users, kinds=which.kinds, ids=part)
            rows += self._page(few, after, direction, limit)
        return sorted(rows, reverse=direction == "DESC")[:limit]


def _events(rows: Sequence[tuple[Any, ...]]) -> list[Event]:
    if not rows:
        return []
    seqs, users, kinds, ids, ats, texts, bodies = zip(*rows, strict=True)
    columns = {
        "event_id": ids, "user_id": users, "at": map(from_micros, ats), "kind": kinds,
        "text": texts, "body": map(json.loads, bodies), "seq": seqs,
    }  # fmt: skip
    return events_from_columns(len(rows), columns)
