"""Checked columns of actions, as a frame or as actions, a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from vibrator.actions import Metadata, UserAction, action_type, actions_from_columns
from vibrator.datasets.fields import Rows
from vibrator.datasets.times import Times

TEXT = pd.Series(["a"]).dtype  # what this pandas keeps texts in
DTYPES: dict[str, Any] = {  # beside the timestamp
    "user_id": TEXT,
    "action_type": TEXT,
    "content": TEXT,
    "weight": np.float64,
    "action_id": TEXT,
    "metadata": object,
}
ALWAYS = ("timestamp", "user_id", "action_type", "content", "weight")


class Block(Protocol):
    """Columns that are right: all of ALWAYS, and those that the source has besides."""

    @property
    def naive(self) -> int:
        """How many times were without a timezone."""

    @property
    def without_time(self) -> int:
        """How many rows have no time."""

    def __len__(self) -> int: ...

    def frame(self) -> pd.DataFrame:
        """The columns as a frame."""

    def actions(self) -> Iterator[Iterator[UserAction]]:
        """The rows as actions, each made when it is asked for; some rows at a time."""


@dataclass(frozen=True, slots=True)
class ListBlock:
    """Columns in lists."""

    columns: Mapping[str, Sequence[Any]]
    naive: int

    @classmethod
    def of(cls, rows: Rows, times: Times) -> ListBlock:
        """Rows that have been read, with what was not given: None, or the weight of the type."""
        absent = [None] * len(rows.lines)
        found = {name: rows.columns.get(name, absent) for name in ALWAYS} | dict(rows.columns)
        found["timestamp"], naive = times.in_utc(found["timestamp"])
        usual = weights_of(found["action_type"])
        pairs = zip(found["action_type"], found["weight"], strict=True)
        found["weight"] = [usual[kind] if weight is None else weight for kind, weight in pairs]
        return cls(found, naive)

    @property
    def without_time(self) -> int:
        """How many rows have no time."""
        return self.columns["timestamp"].count(None)

    def __len__(self) -> int:
        return len(self.columns["content"])

    def frame(self) -> pd.DataFrame:
        """The columns as a frame."""
        times = pd.DatetimeIndex(pd.to_datetime(list(self.columns["timestamp"]), utc=True))
        frame = pd.DataFrame({"timestamp": times.as_unit("us")})
        for name, dtype in DTYPES.items():
            if name in self.columns:
                frame[name] = pd.Series(self.columns[name], dtype=dtype)
        return frame

    def actions(self) -> Iterator[Iterator[UserAction]]:
        """The rows as actions, each made when it is asked for; some rows at a time."""
        columns = {**self.columns}
        if "metadata" in columns:
            columns["metadata"] = [Metadata(given or {}) for given in columns["metadata"]]
        yield actions_from_columns(len(self), columns)


def weights_of(kinds: Iterable[str]) -> dict[str, float]:
    """The usual weight of each of these types."""
    return {kind: action_type(kind).weight for kind in set(kinds)}
