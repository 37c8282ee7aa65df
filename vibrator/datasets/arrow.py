"""The quick way through a block of CSV: Arrow proves that all of it is right, or says nothing.

Whatever is not plainly right gives None, and the block is read row by row instead, which is also
how everything is read where pyarrow is not installed. Both ways give the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from vibrator.datasets.delimited import RawBlock
from vibrator.datasets.times import EARLIEST, LARGEST_EPOCH, LATEST, MILLISECONDS_FROM, Times

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRAY_QUOTE = re.compile(rb'[^,;\t|\r\n"]"[^,;\t|\r\n"]')
FIRST_MOMENT, LAST_MOMENT = (np.datetime64(str(year), "us") for year in (EARLIEST, LATEST))


class Arrow(NamedTuple):
    """The three modules of pyarrow that are used."""

    core: Any
    compute: Any
    csv: Any


class Doubt(Exception):
    """Something is not plainly right."""


def read_clean(raw: RawBlock, times: Times) -> tuple[pd.DataFrame, int] | None:
    """The block's columns and the number of naive times, if all of it is right; else None."""
    arrow = _arrow()
    if arrow is None or not set(raw.layout.places) <= set(READ):
        return None
    try:
        columns, naive = {}, 0
        for name, column in _columns(arrow, raw).items():
            columns[name], count = READ[name](arrow, column, times)
            naive += count
    except (Doubt, arrow.core.ArrowInvalid):
        return None
    return arrow.core.table(columns).to_pandas(), naive


@cache
def _arrow() -> Arrow | None:
    try:
        return Arrow(*map(import_module, ("pyarrow", "pyarrow.compute", "pyarrow.csv")))
    except ModuleNotFoundError:
        return None


def _columns(arrow: Arrow, raw: RawBlock) -> dict[str, Any]:
    layout, data = raw.layout, raw.block.data
    if b'"' in data and STRAY_QUOTE.search(data):
        raise Doubt  # Arrow is more lenient than we are
    names = [str(place) for place in range(len(layout.header))]
    wanted = [str(place) for place in layout.places.values()]
    table = arrow.csv.read_csv(
        arrow.core.BufferReader(data),
        arrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        arrow.csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=b'"' in data),
        arrow.csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, arrow.core.string()),
            include_columns=wanted,
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    return dict(zip(layout.places, table.columns, strict=True))


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


def _weight(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    numbers = column.cast(arrow.core.float64())
    if arrow.compute.all(arrow.compute.is_finite(numbers)).as_py() is False:
        raise Doubt
    return numbers, 0


def _moments(arrow: Arrow, column: Any, times: Times) -> tuple[Any, int]:
    """Times that are all written in one of the ways."""
    utc = arrow.core.timestamp("us", "UTC")
    for way in (_aware, _epoch, _naive):
        try:
            moments, naive = way(arrow, column, times)
        except arrow.core.ArrowInvalid:
            continue
        values = moments.to_numpy()
        if not ((values >= FIRST_MOMENT) & (values < LAST_MOMENT) | np.isnat(values)).all():
            raise Doubt
        return moments.cast(utc), naive
    raise Doubt


def _aware(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    return column.cast(arrow.core.timestamp("us", "UTC")), 0


def _naive(arrow: Arrow, column: Any, times: Times) -> tuple[Any, int]:
    if times.timezone != "UTC":
        raise Doubt
    moments = column.cast(arrow.core.timestamp("us"))
    return moments.cast(arrow.core.timestamp("us", "UTC")), len(column) - column.null_count


def _epoch(arrow: Arrow, column: Any, _times: Times) -> tuple[Any, int]:
    whole = column.cast(arrow.core.int64())
    if whole.null_count:
        raise Doubt
    numbers: NDArray[np.int64] = whole.to_numpy()
    if (np.abs(numbers) >= LARGEST_EPOCH).any():
        raise Doubt
    factor = np.where(np.abs(numbers) >= MILLISECONDS_FROM, 1_000, 1_000_000)
    moments = arrow.core.array((numbers * factor).view("M8[us]"))
    return moments.cast(arrow.core.timestamp("us", "UTC")), 0


READ: dict[str, Callable[[Arrow, Any, Times], tuple[Any, int]]] = {
    "timestamp": _moments,
    "user_id": _text,
    "action_type": _words,
    "content": _words,
    "weight": _weight,
}
