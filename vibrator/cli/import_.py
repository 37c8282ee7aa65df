"""`vibrator import`: your files into a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.actions import UserAction, utc_now
from vibrator.cli._asked import asking
from vibrator.cli._files import Read, Reading, read_sliders, tell
from vibrator.cli._output import Format, progress, show
from vibrator.cli._store import ENCODER, STORE, TENANT
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from vibrator.personalizer import Personalizer
    from vibrator.stores.ports import Event

PANEL = "Data"
BATCH = 5_000  # actions that are written together


@asking
def run(
    store: str = STORE,
    actions: Path | None = typer.Option(
        None, help="What people did: .csv, .json, .jsonl, .parquet."
    ),
    items: Path | None = typer.Option(None, help="What could be shown: .csv, .json, .jsonl, .txt."),
    sliders: Path | None = typer.Option(
        None, help="Sliders; a store remembers them: .json, .csv, .txt."
    ),
    user: str | None = typer.Option(None, help="Whose actions they are, where no user_id says it."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Read and check; write nothing."),
    *,
    read: Read,
    tenant: str = TENANT,
    encoder: str = ENCODER,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Check files and take them into a store; the same file twice counts once.

    Rows that are equal in everything are one action. Stopped halfway, run it again.

    Example: vibrator import sqlite:///app.db --sliders sliders.json --actions actions.csv
    """
    if actions is None and items is None and sliders is None:
        raise BadInput("say what to import: --actions, --items or --sliders")
    work = _Import(read.reading(), user, utc_now())
    if dry_run:
        show(work.check(actions, items, sliders), how)
        return
    with work.store(store, tenant, encoder, sliders) as app:
        show(work.take(app, actions, items, sliders), how)


class _Import:
    """One run of the command: how files are read, and whose actions they are."""

    def __init__(self, reading: Reading, user: str | None, now: datetime) -> None:
        self.reading, self.user, self.now = reading, user, now

    def check(
        self, actions: Path | None, items: Path | None, sliders: Path | None
    ) -> list[dict[str, Any]]:
        """Everything read and nothing written."""
        rows = []
        if sliders is not None:
            rows.append(_row(sliders, len(self._sliders(sliders)), None))
        if items is not None:
            rows.append(_row(items, len(self._items(items)), None))
        if actions is not None:
            rows.append(_row(actions, sum(1 for _ in self._actions(actions)), None))
        return rows

    def store(self, url: str, tenant: str, encoder: str, sliders: Path | None) -> Personalizer:
        """The store, open; sliders from a file are remembered by it."""
        from vibrator.personalizer import Personalizer

        named = None if sliders is None else self._sliders(sliders)
        return Personalizer.open(url, sliders=named, tenant=tenant, encoder=encoder)

    def take(
        self, app: Personalizer, actions: Path | None, items: Path | None, sliders: Path | None
    ) -> list[dict[str, Any]]:
        """Everything read and written, a batch at a time."""
        rows = []
        if sliders is not None:
            rows.append(_row(sliders, len(app.scorer.sliders), len(app.scorer.sliders)))
        if items is not None:
            found = self._items(items)
            rows.append(_row(items, len(found), app.add_items(found)))
        if actions is not None:
            rows.append(self._take_actions(app, actions))
        return rows

    def _take_actions(self, app: Personalizer, path: Path) -> dict[str, Any]:
        read = new = 0
        if self.reading.on_error == "raise":
            read = sum(1 for _ in self._actions(path))  # a fault further down stops it here
        stream = progress(self._actions(path), "importing", read or None)
        read = 0
        while batch := list(islice(stream, BATCH)):
            read += len(batch)
            new += app.store.events.append(list(self._events(app, batch)))
        return _row(path, read, new)

    def _events(self, app: Personalizer, batch: Iterable[UserAction]) -> Iterator[Event]:
        from vibrator.personalizer.intake import events_of
        from vibrator.personalizer.people import resolve

        known: dict[str, str] = {}
        for action in batch:
            given = str(action.user_id)
            who = known.setdefault(given, resolve(app.store, given))
            mine = replace(action, user_id=who, action_id=action.action_id or fixed_id(action))
            yield from events_of(who, mine, self.now)

    def _actions(self, path: Path) -> Iterator[UserAction]:
        from vibrator.datasets import load_actions

        actions = load_actions(path, **self.reading._asdict())
        for place, action in enumerate(actions, 1):
            if action.user_id is None and self.user is None:
                raise BadInput(f"{path.name}, row {place}: whose it is must be said; give --user")
            yield action if action.user_id else replace(action, user_id=self.user)
        tell(path, actions.report)

    def _items(self, path: Path) -> Any:
        from vibrator.datasets import load_items

        items = load_items(path, on_error=self.reading.on_error)
        tell(path, items.report)
        return items

    def _sliders(self, path: Path) -> Any:
        return read_sliders(path)


def fixed_id(action: UserAction) -> str:
    """An id that the same row gets whenever it is read.

    >>> fixed_id(UserAction("click", "a tent")) == fixed_id(UserAction("click", "a tent"))
    True
    """
    when = "" if action.timestamp is None else action.timestamp.isoformat()
    parts = (action.user_id, action.action_type, action.content, when, action.weight)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _row(path: Path, read: int, new: int | None) -> dict[str, Any]:
    return {"file": path.name, "read": read, "new": new}
