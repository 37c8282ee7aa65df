"""The vector cache in PostgreSQL: half precision, by key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vibrator.stores.halves import half_rows, key_bytes, whole_row
from vibrator.stores.postgres.pool import Pool

PUT = (
    "INSERT INTO vectors (tenant, key, vector) VALUES (%s, %s, %s)"
    " ON CONFLICT (tenant, key) DO UPDATE SET vector = excluded.vector"
)
GET = "SELECT key, vector FROM vectors WHERE tenant = %s AND key = ANY(%s)"


class PostgresVectors:
    """Cached vectors beside the events, so that forgetting reaches both."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def get_many(self, keys: Sequence[str]) -> list[NDArray[np.float32] | None]:
        """A vector or None for each key, in the order of the keys."""
        wanted = key_bytes(keys)
        found = {bytes(k): bytes(v) for k, v in self._pool.rows(GET, (self._tenant, wanted))}
        return [whole_row(found.get(key)) for key in wanted]

    def put_many(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep one row per key; a key kept already is replaced."""
        half = half_rows(keys, vectors)
        rows = sorted((self._tenant, k, r.tobytes()) for k, r in zip(key_bytes(keys), half))  # noqa: B905 - checked by half_rows
        with self._pool.cursor() as cursor:
            cursor.executemany(PUT, rows)
