"""The catalogue in SQLite: rows on disk, an index in memory that catches up before each search."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.stores.halves import half_rows
from vibrator.stores.journal import dump
from vibrator.stores.matrix import Index, Matrix, NewIndex
from vibrator.stores.ports import Found, Item
from vibrator.stores.refusals import as_queries, require_same_encoder, require_same_width
from vibrator.stores.sqlite.database import Database, marks
from vibrator.stores.sqlite.filters import conditions
from vibrator.stores.sqlite.schema import BUMP, ITEMS_CHANGED

Vectors = NDArray[np.float32]
LOOKUP = 500
LOADED_AT_ONCE = 20_000
ENCODER_NOTE = "items.encoder"
PUT = (
    "INSERT OR REPLACE INTO items (tenant, item_id, text, attributes, vector)"
    " VALUES (?, ?, ?, ?, ?)"
)
READ_STATE = (
    "SELECT (SELECT value FROM notes WHERE tenant = ? AND name = ?),"
    " (SELECT value FROM counters WHERE tenant = ? AND name = ?)"
)
GATHER = "SELECT seq, vector FROM items WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"


class SQLiteCatalogue:
    """Exact search over float16 rows; `new_index` may give a faster way."""

    def __init__(self, database: Database, tenant: str, new_index: NewIndex = Matrix) -> None:
        self._database = database
        self._tenant = tenant
        self._state_keys = (tenant, ENCODER_NOTE, tenant, ITEMS_CHANGED)
        self._new_index = new_index
        self._index: Index | None = None
        self._made_by = ""
        self._seen = (0, 0)  # the change counter and the newest row that the index holds
        self._turn = threading.Lock()

    def upsert(self, items: Sequence[Item], vectors: Vectors, *, fingerprint: str) -> None:
        """Keep the items; one known already is replaced. Another encoder's vectors are refused."""
        half = half_rows([item.item_id for item in items], vectors)
        rows = [
            (self._tenant, item.item_id, item.text, dump(dict(item.attributes)), row.tobytes())
            for item, row in zip(items, half, strict=True)
        ]
        if not rows:
            return
        with self._database.writing() as connection:
            self._agree_on(connection, fingerprint, half.shape[1])
            connection.executemany(PUT, rows)
            connection.execute(BUMP, (self._tenant, ITEMS_CHANGED))
        if self._new_index is not Matrix:  # drawing lists takes long: let whoever adds wait for it
            with self._turn:
                self._current(fingerprint)

    def search(
        self,
        vectors: Vectors,
        k: int,
        *,
        fingerprint: str,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Found]]:
        """The k nearest to each row, nearest first, among the items that fit `where`."""
        queries = as_queries(vectors, k)
        with self._turn:
            index = self._current(fingerprint)
            if index is None:
                return [[] for _ in queries]
            require_same_width(queries, index.dimensions)
            among = None if where is None else self._fitting(where)
            best = index.search(queries, k, among=among)
        names = self._names({int(number) for numbers, _ in best for number in numbers})
        return [
            [
                Found(names[int(number)], float(score))
                for number, score in zip(*pair, strict=True)
                if int(number) in names
            ]
            for pair in best
        ]

    def read(self, item_ids: Sequence[str]) -> list[Item | None]:
        """The items, in the order of the ids; None for an id nobody knows."""
        found: dict[str, Item] = {}
        for start in range(0, len(item_ids), LOOKUP):
            few = item_ids[start : start + LOOKUP]
            for item_id, text, attributes in self._database.rows(
                "SELECT item_id, text, attributes FROM items"  # noqa: S608 - marks only
                f" WHERE tenant = ? AND item_id IN ({marks(len(few))})",
                (self._tenant, *few),
            ):
                found[item_id] = Item(item_id=item_id, text=text, attributes=json.loads(attributes))
        return [found.get(item_id) for item_id in item_ids]

    def delete(self, item_ids: Sequence[str]) -> int:
        """Remove the items; how many were there."""
        with self._database.writing() as connection:
            removed = connection.executemany(
                "DELETE FROM items WHERE tenant = ? AND item_id = ?",
                [(self._tenant, item_id) for item_id in item_ids],
            ).rowcount
            connection.execute(BUMP, (self._tenant, ITEMS_CHANGED))
        return max(removed, 0)

    def _agree_on(self, connection: sqlite3.Connection, fingerprint: str, dimensions: int) -> None:
        key = (self._tenant, ENCODER_NOTE)
        known = connection.execute(
            "SELECT value FROM notes WHERE tenant = ? AND name = ?", key
        ).fetchone()
        mine = f"{fingerprint}/{dimensions}"
        if known is None:
            connection.execute(
                "INSERT INTO notes (tenant, name, value) VALUES (?, ?, ?)", (*key, mine)
            )
        else:
            require_same_encoder("catalogue", known[0], mine)

    def _current(self, fingerprint: str) -> Index | None:
        with self._database.reading() as connection:
            known, changes = connection.execute(READ_STATE, self._state_keys).fetchone()
            if known is None:
                return None
            made_by, _, dimensions = known.rpartition("/")
            require_same_encoder("catalogue", made_by, fingerprint)
            if self._index is None or self._made_by != known:
                self._index = self._new_index(int(dimensions), made_by, self._rows_of)
                self._seen = (-1, 0)
                self._made_by = known
            if changes != self._seen[0]:
                self._seen = changes, self._catch_up(connection, self._index)
        return self._index

    def _catch_up(self, connection: sqlite3.Connection, index: Index) -> int:
        newest = self._seen[1]
        while rows := connection.execute(GATHER, (self._tenant, newest, LOADED_AT_ONCE)).fetchall():
            numbers = [number for number, _ in rows]
            flat = np.frombuffer(b"".join(blob for _, blob in rows), "<f2")
            index.put(numbers, flat.astype(np.float32).reshape(len(rows), -1))
            newest = numbers[-1]
        count = "SELECT count(*) FROM items WHERE tenant = ?"
        if connection.execute(count, (self._tenant,)).fetchone()[0] != len(index):
            self._drop_removed(connection, index)
        index.settle()
        return newest

    def _rows_of(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], Vectors]:
        """Those of the numbers that have rows in the table, and the rows."""
        wanted, found = numbers.tolist(), dict[int, bytes]()
        for start in range(0, len(wanted), LOOKUP):
            few = wanted[start : start + LOOKUP]
            sql = f"SELECT seq, vector FROM items WHERE seq IN ({marks(len(few))})"  # noqa: S608 - marks only
            found.update(self._database.rows(sql, few))
        width = 0 if self._index is None else self._index.dimensions
        there = [n for n in wanted if len(found.get(n, b"")) == 2 * width]
        flat = np.frombuffer(b"".join(found[n] for n in there), "<f2")
        return np.array(there, np.int64), flat.astype(np.float32).reshape(len(there), width)

    def _drop_removed(self, connection: sqlite3.Connection, index: Index) -> None:
        alive = connection.execute("SELECT seq FROM items WHERE tenant = ?", (self._tenant,))
        numbers = np.fromiter((number for (number,) in alive), np.int64)
        index.remove(np.setdiff1d(index.ids(), numbers).tolist())

    def _fitting(self, where: Mapping[str, Any]) -> list[int]:
        fitting, values = conditions(where)
        sql = f"SELECT seq FROM items WHERE {' AND '.join(['tenant = ?', *fitting])}"  # noqa: S608 - fixed names
        return [number for (number,) in self._database.rows(sql, (self._tenant, *values))]

    def _names(self, numbers: set[int]) -> dict[int, str]:
        wanted = list(numbers)
        names: dict[int, str] = {}
        for start in range(0, len(wanted), LOOKUP):
            few = wanted[start : start + LOOKUP]
            names.update(
                self._database.rows(
                    f"SELECT seq, item_id FROM items WHERE seq IN ({marks(len(few))})",  # noqa: S608 - marks only
                    few,
                )
            )
        return names
