"""Everything kept about one person, as plain values."""

from __future__ import annotations

from typing import Any

from vibrator.stores.ports import Store, Which


def exported(store: Store, user: str) -> dict[str, Any]:
    """The user's lines of the log by kind, oldest first; JSON can hold all of it."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for event in store.events.read(Which(users=(user,))):
        line = {"id": event.event_id, "at": event.at.isoformat(), **event.body}
        if event.text:
            line["text"] = event.text
        lines.setdefault(f"{event.kind}s", []).append(line)
    return {"user_id": user, **lines}
