"""Everything kept about one person, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vibrator.stores.ports import Store, Which


def exported(store: Store, users: Sequence[str]) -> dict[str, Any]:
    """A person's lines of the log by kind, oldest first, under the id they have now.

    `tables` has what other components keep about them. The ids that were merged into the first of
    `users` follow it. JSON can hold all of it.
    """
    lines: dict[str, list[dict[str, Any]]] = {}
    for event in store.events.read(Which(users=tuple(users))):
        line = {"id": event.event_id, "at": event.at.isoformat(), **event.body}
        if event.text:
            line["text"] = event.text
        lines.setdefault(f"{event.kind}s", []).append(line)
    tables = {name: rows for name, rows in store.personal_rows(users).items() if rows}
    return {"user_id": users[0], **lines, **({"tables": tables} if tables else {})}
