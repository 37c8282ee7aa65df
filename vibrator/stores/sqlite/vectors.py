"""The vector cache in SQLite: half precision, by key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vibrator.stores.halves import half_rows, key_bytes, whole_row
from vibrator.stores.sqlite.database import Database, marks

Vectors = NDArray[np.float32]
LOOKUP = 500
PUT = "INSERT OR REPLACE INTO vectors (tenant, key, vector) VALUES (?, ?, ?)"


class SQLiteVectors:
    """Cached vectors beside the events, so that forgetting reaches both."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def get_many(self, keys: Sequence[str]) -> list[Vectors | None]:
        """A vector or None for each key, in the order of the keys."""
        wanted = key_bytes(keys)
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), LOOKUP):
            few = wanted[start : start + LOOKUP]
            found.update(
                self._database.rows(
                    f"SELECT key, vector FROM vectors WHERE tenant = ? AND key IN ({marks(len(few))})",  # noqa: E501, S608 - marks only
                    (self._tenant, *few),
                )
            )
        return [whole_row(found.get(key)) for key in wanted]

    def put_many(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep one row per key; a key kept already is replaced."""
        half = half_rows(keys, vectors)
        rows = zip(key_bytes(keys), half, strict=True)
        with self._database.writing() as connection:
            connection.executemany(PUT, [(self._tenant, key, row.tobytes()) for key, row in rows])
