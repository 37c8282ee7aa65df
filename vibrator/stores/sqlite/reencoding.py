"""A change of encoder: every vector is made anew, in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vibrator.stores.sqlite.catalogue import ENCODER_NOTE
from vibrator.stores.sqlite.database import Database
from vibrator.stores.sqlite.schema import BUMP, EPOCH, ITEMS_CHANGED

AT_ONCE = 1_000


def reencode(
    database: Database, tenant: str, encode: Callable[[list[str]], Any], fingerprint: str
) -> int:
    """Encode all items first, then swap in one transaction; how many items there were.

    An item that changes meanwhile keeps its old text's vector until it is added again.
    """
    rows = database.rows("SELECT item_id, text FROM items WHERE tenant = ?", (tenant,))
    fresh: list[tuple[bytes, str, str]] = []
    for start in range(0, len(rows), AT_ONCE):
        few = rows[start : start + AT_ONCE]
        half = np.asarray(encode([text for _, text in few]), "<f2")
        fresh += [(row.tobytes(), tenant, name) for (name, _), row in zip(few, half, strict=True)]
    with database.writing() as connection:
        for table in ("profiles", "vectors"):
            connection.execute(f"DELETE FROM {table} WHERE tenant = ?", (tenant,))  # noqa: S608 - fixed names
        put = "UPDATE items SET vector = ? WHERE tenant = ? AND item_id = ?"
        connection.executemany(put, fresh)
        connection.execute(
            "DELETE FROM notes WHERE tenant = ? AND name = ?", (tenant, ENCODER_NOTE)
        )
        if fresh:
            mine = f"{fingerprint}/{len(fresh[0][0]) // 2}"
            note = "INSERT INTO notes (tenant, name, value) VALUES (?, ?, ?)"
            connection.execute(note, (tenant, ENCODER_NOTE, mine))
        for counter in (EPOCH, ITEMS_CHANGED):
            connection.execute(BUMP, (tenant, counter))
    return len(fresh)
