"""Rows written where a spreadsheet, or a reader of ours, will open them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from vibrator.actions import UserAction

FORMULA_STARTERS = ("=", "+", "-", "@", "\t", "\r")
ACTION_COLUMNS = ("timestamp", "user_id", "action_type", "content", "weight")


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> safe_cell("=1+1"), safe_cell(-2)
    ("'=1+1", -2)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTERS) else value


def write_actions(actions: Iterable[UserAction], path: str | Path) -> int:
    """Write actions as the CSV that `load_actions` reads; how many there were.

    The file appears when it is whole. A text that starts like a formula comes back with an
    apostrophe in front.
    """
    count = 0
    with whole_file(Path(path)) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ACTION_COLUMNS)
        for count, action in enumerate(actions, 1):  # noqa: B007 - the last number is the count
            when = action.timestamp.isoformat() if action.timestamp else ""
            texts = (action.user_id or "", action.action_type, action.content)
            writer.writerow([when, *map(safe_cell, texts), action.weight])
    return count


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A text file that takes its place only when all of it is written."""
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with partial.open("x", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
