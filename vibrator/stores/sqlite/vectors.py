"""The vector cache in SQLite: half precision, by key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vibrator.errors import BadInput
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
        return [_decoded(found.get(key)) for key in wanted]

    def put_many(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep one row per key; a key kept already is replaced."""
        half = half_rows(keys, vectors)
        rows = zip(key_bytes(keys), half, strict=True)
        with self._database.writing() as connection:
            connection.executemany(PUT, [(self._tenant, key, row.tobytes()) for key, row in rows])


def key_bytes(keys: Sequence[str]) -> list[bytes]:
    """The digests behind the hex keys."""
    try:
        return [bytes.fromhex(key) for key in keys]
    except (TypeError, ValueError):
        raise BadInput(f"keys must be digests in hex, got {list(keys)[:3]!r}") from None


def half_rows(keys: Sequence[str], vectors: Vectors) -> NDArray[np.float16]:
    """The vectors as they are kept, one row a key."""
    half = np.ascontiguousarray(vectors, "<f2")
    if half.ndim != 2 or len(half) != len(keys):
        raise BadInput(f"{len(keys)} keys need as many rows, got the shape {half.shape}")
    return half


def _decoded(blob: bytes | None) -> Vectors | None:
    return None if blob is None else np.frombuffer(blob, "<f2").astype(np.float32)
