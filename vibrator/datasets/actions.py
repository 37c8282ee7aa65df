"""Actions of your own: checked blocks of columns, and UserAction over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.actions import UserAction, action_type, actions_from_columns
from vibrator.datasets.arrow import read_clean
from vibrator.datasets.delimited import RawBlock
from vibrator.datasets.fields import (
    Field,
    Rows,
    read_id,
    read_mapping,
    read_number,
    read_numbers,
    read_rows,
    read_text,
    read_texts,
)
from vibrator.datasets.report import FIRST, Faults, ReadReport, require_on_error, stop
from vibrator.datasets.seen import Seen
from vibrator.datasets.sources import Shape, open_source
from vibrator.datasets.times import EPOCH, Times

if TYPE_CHECKING:
    from vibrator.datasets.sources import Source

Given = Any  # a path, a frame, a Query or a list of mappings
TEXT = pd.Series(["a"]).dtype  # what this pandas keeps texts in
SLICE = 500  # actions made at a time: below the 700 at which Python's collector looks at them
NO_METADATA: Mapping[str, Any] = MappingProxyType({})


class ActionFrames:
    """Blocks of a source: frames of `timestamp, user_id, action_type, content, weight`.

    Also `action_id` and `metadata` where the source has them; what was not given is missing, a
    weight that was not given is its type's. Each iteration reads the source from its beginning
    and starts a new `report`.
    """

    def __init__(self, source: tuple[str, Source], times: Times, on_error: str) -> None:
        self._name, self._source = source
        self._times = times
        self._on_error = require_on_error(on_error)
        self.report = ReadReport()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        self.report = report = ReadReport()
        for frame, naive in self._frames(Faults(self._name, report)):
            if report.count and self._on_error == "raise":
                if report.count >= FIRST:
                    break
                continue  # what is left is read for its faults alone
            report.kept += len(frame)
            report.naive_times += naive
            report.without_time += int(frame["timestamp"].isna().sum())
            yield frame
        if report.count and self._on_error == "raise":
            stop(report)

    def _frames(self, faults: Faults) -> Iterator[tuple[pd.DataFrame, int]]:
        fields, ids = _fields(self._times), Seen()
        for block in self._source.blocks(fields, faults):
            clean = read_clean(block, self._times) if isinstance(block, RawBlock) else None
            if clean is None:
                rows = block.rows() if isinstance(block, RawBlock) else block
                clean = self._checked(rows, fields, ids, faults)
            if len(clean[0]):
                yield _completed(clean[0]), clean[1]

    def _checked(
        self, rows: Rows, fields: Sequence[Field], ids: Seen, faults: Faults
    ) -> tuple[pd.DataFrame, int]:
        rows = ids.unique(read_rows(rows, fields, faults), "action_id", faults)
        columns = dict(rows.columns)
        moments, naive = self._times.column(columns.pop("timestamp", [None] * len(rows.lines)))
        frame = pd.DataFrame({"timestamp": moments})
        for name, values in columns.items():
            frame[name] = pd.Series(values, dtype=DTYPES[name])
        return frame, naive


class Actions:
    """The actions of a source, in its order; each iteration reads it from its beginning.

    `report` tells of the last iteration: rows kept, refused and why.
    """

    def __init__(self, frames: ActionFrames) -> None:
        self.frames = frames

    @property
    def report(self) -> ReadReport:
        """What the last iteration found."""
        return self.frames.report

    def __iter__(self) -> Iterator[UserAction]:
        for frame in self.frames:
            columns = {name: iter(values) for name, values in _lists(frame).items()}
            for start in range(0, len(frame), SLICE):
                yield from actions_from_columns(min(SLICE, len(frame) - start), columns)


def read_action_frames(
    source: Given,
    *,
    columns: Mapping[str, str] | None = None,
    timezone: str = "UTC",
    on_error: str = "raise",
    delimiter: str = ",",
) -> ActionFrames:
    """Checked blocks of columns from a file, a frame, a Query or a list of mappings.

    `columns` maps our names to those of the source. Naive times are read as of `timezone` and
    counted in the report; "refuse" refuses them. With `on_error="raise"` the first twenty faults
    come in one BadRows and nothing is given after the first; "skip" goes on without those rows.
    """
    shape = Shape(key="actions", columns=columns or {}, delimiter=delimiter)
    return ActionFrames(open_source(source, shape), Times(timezone), on_error)


def load_actions(
    source: Given,
    *,
    columns: Mapping[str, str] | None = None,
    timezone: str = "UTC",
    on_error: str = "raise",
    delimiter: str = ",",
) -> Actions:
    """The actions of a file, a frame, a Query or a list of mappings; see `read_action_frames`.

    >>> rows = [{"action_type": "write", "content": "ran the ridge", "timestamp": "2026-03-01"}]
    >>> actions = load_actions(rows)
    >>> [action.instruction() for action in actions], str(actions.report)
    (['User wrote: ran the ridge'], '1 rows kept, 0 refused, 1 times without a timezone')
    """
    return Actions(
        read_action_frames(
            source, columns=columns, timezone=timezone, on_error=on_error, delimiter=delimiter
        )
    )


DTYPES: dict[str, Any] = {
    "user_id": TEXT,
    "action_type": TEXT,
    "content": TEXT,
    "weight": np.float64,
    "action_id": TEXT,
    "metadata": object,
}
FIELDS = (
    Field("timestamp", read_text),
    Field("user_id", read_id, read_texts),
    Field("action_type", read_text, read_texts, required=True),
    Field("content", read_text, read_texts, required=True),
    Field("weight", read_number, read_numbers),
    Field("action_id", read_id, read_texts),
    Field("metadata", read_mapping),
)


def _fields(times: Times) -> list[Field]:
    when = replace(FIELDS[0], read=times.read, read_all=times.read_all)
    return [when, *FIELDS[1:]]


def _completed(frame: pd.DataFrame) -> pd.DataFrame:
    """All five columns there, and every weight."""
    size = len(frame)
    if "timestamp" not in frame:
        frame["timestamp"] = pd.Series([None] * size, dtype="datetime64[us, UTC]")
    if "user_id" not in frame:
        frame["user_id"] = pd.Series([None] * size, dtype=TEXT)
    given = frame["weight"] if "weight" in frame else pd.Series(np.nan, index=frame.index)
    if given.hasnans:
        weights = {kind: action_type(kind).weight for kind in frame["action_type"].unique()}
        given = given.fillna(frame["action_type"].map(weights).astype(np.float64))
    frame["weight"] = given
    return frame[["timestamp", *(name for name in DTYPES if name in frame)]]


def _lists(frame: pd.DataFrame) -> dict[str, Sequence[Any]]:
    """The columns as actions hold them."""
    columns: dict[str, Sequence[Any]] = {
        "action_type": frame["action_type"].tolist(),
        "content": frame["content"].tolist(),
        "weight": frame["weight"].tolist(),
        "timestamp": _datetimes(frame["timestamp"]),
        "user_id": _optional(frame["user_id"]),
    }
    if "action_id" in frame:
        columns["action_id"] = _optional(frame["action_id"])
    if "metadata" in frame:
        columns["metadata"] = [
            NO_METADATA if given is None else MappingProxyType(given) for given in frame["metadata"]
        ]
    return columns


def _datetimes(column: pd.Series) -> list[Any]:
    since = column.to_numpy(dtype="datetime64[us]").view("m8[us]").tolist()
    if column.hasnans:
        return [None if delta is None else EPOCH + delta for delta in since]
    return list(map(EPOCH.__add__, since))


def _optional(column: pd.Series) -> list[Any]:
    if not column.hasnans:
        found: list[Any] = column.tolist()
        return found
    return [
        None if missing else value for value, missing in zip(column, column.isna(), strict=True)
    ]
