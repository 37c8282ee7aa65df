"""Rows written where a spreadsheet, or a reader of ours, will open them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from vibrator.actions import UserAction
from vibrator.writing import safe_cell, whole_file

ACTION_COLUMNS = ("timestamp", "user_id", "action_type", "content", "weight")


def write_actions(actions: Iterable[UserAction], path: str | Path) -> int:
    """Write actions as the CSV that `load_actions` reads; how many there were.

    The file appears when it is whole. A text that starts like a formula comes back with an
    apostrophe in front.
    """
    count = 0
    with whole_file(Path(path)) as beside, beside.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ACTION_COLUMNS)
        for count, action in enumerate(actions, 1):  # noqa: B007 - the last number is the count
            when = action.timestamp.isoformat() if action.timestamp else ""
            texts = (action.user_id or "", action.action_type, action.content)
            writer.writerow([when, *map(safe_cell, texts), action.weight])
    return count
