"""The catalogue in PostgreSQL: pgvector's HNSW, filtered by SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.stores.halves import half_rows
from vibrator.stores.journal import dump
from vibrator.stores.ports import Found, Item, matches
from vibrator.stores.postgres.pool import Pool
from vibrator.stores.refusals import as_queries, require_same_encoder, require_same_width

ENCODER_NOTE = "items.encoder"
READ_NOTE = "SELECT value FROM notes WHERE tenant = %s AND name = %s"
WRITE_NOTE = "INSERT INTO notes (tenant, name, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
ANALYZED_FROM = 1_000  # rows in one batch
STAGE = "COPY staged_items (item_id, text, attributes, embedding) FROM STDIN (FORMAT BINARY)"
STAGED = """
CREATE TEMP TABLE IF NOT EXISTS staged_items (
    item_id text, text text, attributes text, embedding public.vector
) ON COMMIT DELETE ROWS
"""
PUT = """
INSERT INTO items (tenant, item_id, text, attributes, dimensions, embedding)
SELECT DISTINCT ON (item_id) %s, item_id, text, attributes::jsonb, %s::integer, embedding
FROM staged_items
ON CONFLICT (tenant, item_id) DO UPDATE SET text = excluded.text,
    attributes = excluded.attributes, dimensions = excluded.dimensions,
    embedding = excluded.embedding
"""


class PostgresCatalogue:
    """One row an item."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def upsert(
        self, items: Sequence[Item], vectors: NDArray[np.float32], *, fingerprint: str
    ) -> None:
        """Keep the items; one known already is replaced. Another encoder's vectors are refused."""
        rows = half_rows([item.item_id for item in items], vectors)
        if not len(rows):
            return
        dimensions = rows.shape[1]
        with self._pool.cursor() as cursor:
            mine = f"{fingerprint}/{dimensions}"
            cursor.execute(WRITE_NOTE, (self._tenant, ENCODER_NOTE, mine))
            known = cursor.execute(READ_NOTE, (self._tenant, ENCODER_NOTE)).fetchone()[0]
            require_same_encoder("catalogue", known, mine)
            put_items(cursor, self._tenant, items, rows)

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        fingerprint: str,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Found]]:
        """The k nearest to each row, nearest first, among the items that fit `where`."""
        queries = as_queries(vectors, k)
        sql, values = search_sql(queries.shape[1], {} if where is None else where, k)
        mine = (self._tenant, ENCODER_NOTE, f"{fingerprint}/{queries.shape[1]}")
        rest = (self._tenant, *values, *mine)
        with self._pool.reading() as cursor:
            found = [_nearest(cursor, sql, (query, *rest), k) for query in queries]
            if not all(found):
                self._require_fitting(cursor, queries, fingerprint)
        return found

    def read(self, item_ids: Sequence[str]) -> list[Item | None]:
        """The items, in the order of the ids; None for an id nobody knows."""
        sql = "SELECT item_id, text, attributes FROM items WHERE tenant = %s AND item_id = ANY(%s)"
        rows = self._pool.rows(sql, (self._tenant, list(item_ids)))
        found = {name: Item(item_id=name, text=text, attributes=a) for name, text, a in rows}
        return [found.get(item_id) for item_id in item_ids]

    def delete(self, item_ids: Sequence[str]) -> int:
        """Remove the items; how many were there."""
        with self._pool.cursor() as cursor:
            sql = "DELETE FROM items WHERE tenant = %s AND item_id = ANY(%s)"
            return int(cursor.execute(sql, (self._tenant, list(item_ids))).rowcount)

    def _require_fitting(self, cursor: Any, queries: NDArray[np.float32], fingerprint: str) -> None:
        """Refuse a search that found nothing because the items are another encoder's."""
        known = cursor.execute(READ_NOTE, (self._tenant, ENCODER_NOTE)).fetchone()
        if known is None:
            return
        made_by, _, width = known[0].rpartition("/")
        require_same_encoder("catalogue", made_by, fingerprint)
        require_same_width(queries, int(width))


def put_items(cursor: Any, tenant: str, items: Sequence[Item], rows: NDArray[np.floating]) -> None:
    """Copy items in, replacing those that are known; then see to an index for their width."""
    dimensions = rows.shape[1]
    cursor.execute(STAGED)
    with cursor.copy(STAGE) as copy:
        copy.set_types(["text", "text", "text", "vector"])
        for item, row in zip(items, rows.astype(np.float32), strict=True):
            copy.write_row((item.item_id, item.text, dump(dict(item.attributes)), row))
    cursor.execute(PUT, (tenant, dimensions))
    # After the rows: a first load is indexed in one go, several times faster than row by row.
    cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
    cursor.execute(
        f"CREATE INDEX IF NOT EXISTS items_hnsw_{dimensions} ON items USING hnsw"
        f" ((embedding::vector({dimensions})) vector_ip_ops) WHERE dimensions = {dimensions}"
    )
    if len(rows) >= ANALYZED_FROM:
        cursor.execute("ANALYZE items")  # else a plan made before autovacuum passes it by


def _nearest(cursor: Any, sql: str, given: tuple[Any, ...], k: int) -> list[Found]:
    """By the index, or by comparing all that fit where it gave up before it had found k."""
    rows = cursor.execute(sql, given).fetchall()
    if len(rows) < k:
        rows = cursor.execute(exact(sql), given).fetchall()
    # The relaxed scan drops nothing that it finds late, and gives it out of order.
    return [Found(name, -distance) for name, distance in sorted(rows, key=itemgetter(1))]


def exact(sql: str) -> str:
    """The same search, past the index.

    HNSW stops after so many rows (hnsw.max_scan_tuples), whether or not any of them passed the
    filter or was this tenant's.
    """
    everything, _, rest = sql.partition(" ORDER BY ")
    return f"WITH fitting AS MATERIALIZED ({everything}) SELECT * FROM fitting ORDER BY {rest}"  # noqa: S608 - made of search_sql


def search_sql(dimensions: int, where: Mapping[str, Any], k: int) -> tuple[str, list[Any]]:
    """The query behind `search`, as it may be written by hand, and the filter's values.

    The limit stands in it: with a parameter there, the server plans each search anew.
    """
    conditions, values = ["tenant = %s", f"dimensions = {dimensions}"], []
    for name, operator, value in matches(where):
        if operator == "in":
            conditions.append("attributes -> %s = ANY(%s::jsonb[])")
            values += [name, [dump(one) for one in value]]
        elif operator == "=":
            conditions.append("attributes @> %s::jsonb")  # which the index on attributes serves
            values.append(dump({name: value}))
        else:
            conditions.append(
                "jsonb_typeof(attributes -> %s) = jsonb_typeof(%s::jsonb)"
                f" AND attributes -> %s {operator} %s::jsonb"
            )
            values += [name, dump(value), name, dump(value)]
    # Whose vectors these are is asked on the way: a round trip more would cost as much as a search.
    conditions.append("EXISTS (SELECT FROM notes WHERE tenant = %s AND name = %s AND value = %s)")
    return (
        f"SELECT item_id, embedding::vector({dimensions}) <#> %s::vector({dimensions}) AS distance"  # noqa: S608 - numbers and fixed names
        f" FROM items WHERE {' AND '.join(conditions)} ORDER BY distance LIMIT {int(k)}",
        values,
    )
