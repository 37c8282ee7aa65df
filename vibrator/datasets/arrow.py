"""The quick way through a block of CSV: Arrow proves that all of it is right, or says nothing.

Whatever is not plainly right gives None, and the block is read row by row instead, which is also
how everything is read where pyarrow is not installed. Both ways give the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.actions import actions_from_columns
from vibrator.datasets.blocks import ALWAYS, weights_of
from vibrator.datasets.times import EARLIEST, LARGEST_EPOCH, LATEST, MILLISECONDS_FROM, Times

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from vibrator.actions import UserAction
    from vibrator.datasets.delimited import RawBlock

LISTED = 2_400  # rows taken out of a block at a time: lists that the processor's cache holds
STRAY_QUOTE = re.compile(rb'[^,;\t|\r\n"]"[^,;\t|\r\n"]')
FIRST_MOMENT, LAST_MOMENT = (np.datetime64(str(year), "us") for year in (EARLIEST, LATEST))


class Arrow(NamedTuple):
    """The three modules of pyarrow that are used."""

    core: Any
    compute: Any
    csv: Any

    @property
    def moments(self) -> Any:
        """The type of times."""
        return self.core.timestamp("us", "UTC")

    @property
    def kinds(self) -> Any:
        """The type of the few different texts that say what kind of action it was."""
        return self.core.dictionary(self.core.int32(), self.core.string())


class Doubt(Exception):
    """Something is not plainly right."""


@dataclass(frozen=True, slots=True)
class ArrowBlock:
    """A block of CSV that is right."""

    table: Any
    naive: int

    @property
    def without_time(self) -> int:
        """How many rows have no time."""
        return int(self.table["timestamp"].null_count)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def frame(self) -> pd.DataFrame:
        """The columns as a frame."""
        kinds, place = self.table["action_type"].cast("string"), ALWAYS.index("action_type")
        frame: pd.DataFrame = self.table.set_column(place, "action_type", kinds).to_pandas()
        return frame

    def actions(self) -> Iterator[Iterator[UserAction]]:
        """The rows as actions, each made when it is asked for; some rows at a time."""
        when, who, kinds, words, weights = (self.table[name].combine_chunks() for name in ALWAYS)
        names, places = _decoded(kinds)
        day, since = _since_a_day(when.to_numpy(zero_copy_only=False))
        numbers = weights.to_numpy()

        def some(first: int) -> Iterator[UserAction]:
            rows = slice(first, min(first + LISTED, len(self)))
            columns = {
                "timestamp": _after(day, since[rows]),
                "user_id": who[rows].to_pylist(),
                "action_type": names[places[rows]].tolist(),
                "content": words[rows].to_pylist(),
                "weight": numbers[rows].tolist(),
            }
            return actions_from_columns(rows.stop - first, columns)

        return map(some, range(0, len(self), LISTED))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block of CSV in columns; what they hold has not been looked at."""

    arrow: Arrow
    columns: Mapping[str, Any]
    times: Times

    def checked(self) -> ArrowBlock | None:
        """The block, if all of it is right; else None."""
        read, naive = {}, 0
        try:
            for name, column in self.columns.items():
                read[name], count = READ[name](self.arrow, column, self.times)
                naive += count
        except (Doubt, self.arrow.core.ArrowInvalid):
            return None
        return ArrowBlock(_completed(self.arrow, read), naive)


class QuickReader:
    """Parses blocks of CSV, nearly all of it outside of Python; threads may share it."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._typed = True  # until a block turns up whose times have no offset

    def parsed(self, raw: RawBlock) -> Parsed | None:
        """The block in columns, if it is sound; else None."""
        arrow = _arrow()
        if arrow is None or not set(raw.layout.places) <= set(READ):
            return None
        try:
            return Parsed(arrow, self._columns(arrow, raw), self._times)
        except (Doubt, arrow.core.ArrowInvalid):
            return None

    def _columns(self, arrow: Arrow, raw: RawBlock) -> dict[str, Any]:
        kinds = {"action_type": arrow.kinds}
        if self._typed:
            try:
                types = {"timestamp": arrow.moments, "weight": arrow.core.float64()}
                return _parsed(arrow, raw, kinds | types)
            except arrow.core.ArrowInvalid:
                self._typed = False
        return _parsed(arrow, raw, kinds)


@cache
def _arrow() -> Arrow | None:
    try:
        return Arrow(*map(import_module, ("pyarrow", "pyarrow.compute", "pyarrow.csv")))
    except ModuleNotFoundError:
        return None


def _parsed(arrow: Arrow, raw: RawBlock, types: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that are wanted; texts, unless their type is named."""
    layout, data, quotes = raw.layout, raw.block.data, raw.block.quotes
    if len(set(layout.places.values())) < len(layout.places):
        raise Doubt  # Arrow gives a column once, whatever it is read as
    if quotes and STRAY_QUOTE.search(data):
        raise Doubt  # Arrow is more lenient than we are
    text = arrow.core.string()
    wanted = {str(place): types.get(name, text) for name, place in layout.places.items()}
    names = list(map(str, range(len(layout.header))))
    table = arrow.csv.read_csv(
        arrow.core.BufferReader(data),
        arrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        arrow.csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=quotes),
        arrow.csv.ConvertOptions(
            column_types=wanted,
            include_columns=list(wanted),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    return dict(zip(layout.places, table.columns, strict=True))


def _completed(arrow: Arrow, columns: Mapping[str, Any]) -> Any:
    """A table with all columns, and a weight in every row."""
    size = len(columns["content"])
    absent = {
        "timestamp": arrow.moments,
        "user_id": arrow.core.string(),
        "weight": arrow.core.float64(),
    }
    found = {name: columns.get(name, arrow.core.nulls(size, absent.get(name))) for name in ALWAYS}
    if found["weight"].null_count:
        names, places = _decoded(found["action_type"].combine_chunks())
        usual = weights_of(names)
        weights = np.array([usual[name] for name in names])[places]
        found["weight"] = arrow.compute.coalesce(found["weight"], arrow.core.array(weights))
    return arrow.core.table(found)


def _decoded(kinds: Any) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """The different texts of a column of kinds, and for each row which it is."""
    return np.array(kinds.dictionary.to_pylist(), dtype=object), kinds.indices.to_numpy()


def _since_a_day(moments: NDArray[np.datetime64]) -> tuple[datetime, NDArray[np.timedelta64]]:
    """The day of the first of the moments, and how long after it each of them is."""
    first = np.fmin.reduce(moments, initial=np.datetime64("NaT")).astype("M8[D]")
    return datetime.combine(first.item() or date.min, time(), UTC), moments - first


def _after(day: datetime, since: NDArray[np.timedelta64]) -> list[datetime | None]:
    """The moments: adding to one day is three times as fast as making each of its numbers."""
    deltas = since.astype(object)
    if np.isnat(since).any():
        return [None if delta is None else day + delta for delta in deltas.tolist()]
    moments: list[datetime | None] = (deltas + day).tolist()
    return moments


def _text(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    """Texts, absent ones allowed, blank ones not."""
    if arrow.compute.any(arrow.compute.utf8_is_space(column)).as_py():
        raise Doubt
    return column, 0


def _words(arrow: Arrow, column: Any, times: Times) -> tuple[Any, int]:
    """Texts, none absent."""
    if column.null_count:
        raise Doubt
    return _text(arrow, column, times)


def _kinds(arrow: Arrow, column: Any, times: Times) -> tuple[Any, int]:
    """Kinds, none absent or blank."""
    for part in column.chunks:
        _text(arrow, part.dictionary, times)
    if column.null_count:
        raise Doubt
    return column, 0


def _weight(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    numbers = column.cast(arrow.core.float64())
    if arrow.compute.all(arrow.compute.is_finite(numbers)).as_py() is False:
        raise Doubt
    return numbers, 0


def _moments(arrow: Arrow, column: Any, times: Times) -> tuple[Any, int]:
    """Times that are all written in one of the ways."""
    for way in (_aware, _epoch, _naive):
        try:
            moments, naive = way(arrow, column, times)
        except arrow.core.ArrowInvalid:
            continue
        values = moments.to_numpy()
        if not ((values >= FIRST_MOMENT) & (values < LAST_MOMENT) | np.isnat(values)).all():
            raise Doubt
        return moments.cast(arrow.moments), naive
    raise Doubt


def _aware(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    return column.cast(arrow.moments), 0


def _naive(arrow: Arrow, column: Any, times: Times) -> tuple[Any, int]:
    if times.timezone != "UTC":
        raise Doubt
    moments = column.cast(arrow.core.timestamp("us"))
    return moments.cast(arrow.moments), len(column) - column.null_count


def _epoch(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    whole = column.cast(arrow.core.int64())
    if whole.null_count:
        raise Doubt
    numbers: NDArray[np.int64] = whole.to_numpy()
    if (np.abs(numbers) >= LARGEST_EPOCH).any():
        raise Doubt
    factor = np.where(np.abs(numbers) >= MILLISECONDS_FROM, 1_000, 1_000_000)
    moments = arrow.core.array((numbers * factor).view("M8[us]"))
    return moments.cast(arrow.moments), 0


READ: dict[str, Callable[[Arrow, Any, Times], tuple[Any, int]]] = {
    "timestamp": _moments,
    "user_id": _text,
    "action_type": _kinds,
    "content": _words,
    "weight": _weight,
}
