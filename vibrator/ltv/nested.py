"""Nested columns read through their Arrow types: a few numbers a row, and who was most frequent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.optional import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

TOP = 5


@dataclass(frozen=True, slots=True)
class Summary:
    """What a nested column says about each row: numbers, and names for a category feature."""

    numbers: dict[str, Floats]
    names: NDArray[Any] | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Ragged:
    """Entries of all rows end to end, and the row of each; null and empty rows have none."""

    row: Rows
    count: NDArray[np.int64]

    def sum(self, values: Floats) -> Floats:
        """Sum a row."""
        return np.bincount(self.row, values, self.count.size).astype(float)

    def extreme(self, values: Floats, pick: np.ufunc) -> Floats:
        """Largest or smallest a row, 0 where there is nothing."""
        out = np.zeros(self.count.size)
        full = self.count > 0
        if full.any():
            starts = np.concatenate([[0], np.cumsum(self.count[full])[:-1]])
            out[full] = pick.reduceat(values, starts)
        return out

    def mean(self, values: Floats) -> Floats:
        """Mean a row, 0 where there is nothing."""
        return self.sum(values) / np.maximum(self.count, 1)

    def rank_from_top(self, values: Floats) -> NDArray[np.int64]:
        """0 for the largest entry of its row, 1 for the next one, and so on."""
        order = np.lexsort((-values, self.row))
        starts = np.repeat(np.cumsum(self.count) - self.count, self.count)
        rank = np.empty(values.size, dtype=np.int64)
        rank[order] = np.arange(values.size) - starts
        return rank


def as_arrow(column: Any, kind: str) -> Any:
    """The column as one Arrow array; cells of Python objects are read as `kind` says."""
    arrow = need("pyarrow", extra="ltv")
    array = getattr(column, "array", column)
    if hasattr(array, "__arrow_array__"):
        found = array.__arrow_array__()
        return found.combine_chunks() if isinstance(found, arrow.ChunkedArray) else found
    cells = [READ_CELL[kind](cell) if is_nested(cell) else None for cell in array]
    return arrow.array(cells, _arrow_type(kind))


def is_nested(cell: Any) -> bool:
    """Whether a cell of Python objects holds entries."""
    return isinstance(cell, (dict, list, tuple, np.ndarray))


READ_CELL: dict[str, Callable[[Any], list[Any]]] = {
    # parquet maps reach pandas as lists of (key, value), JSON brings dicts
    "map": lambda cell: list(cell.items()) if isinstance(cell, dict) else [tuple(e) for e in cell],
    "pairs": lambda cell: [dict(zip("ab", _entry(e), strict=True)) for e in cell],
    "list": lambda cell: [str(e) for e in cell],
    "histogram": list,
}


def _entry(entry: Any) -> Sequence[Any]:
    return list(entry.values()) if isinstance(entry, dict) else entry


def _arrow_type(kind: str) -> Any:
    arrow = need("pyarrow", extra="ltv")
    number, text = arrow.float64(), arrow.string()
    return {
        "map": arrow.map_(text, number),
        "pairs": arrow.list_(arrow.struct([("a", number), ("b", number)])),
        "list": arrow.list_(text),
        "histogram": arrow.list_(number),
    }[kind]


def cells_kind(cells: Sequence[Any]) -> str | None:
    """What cells of Python objects are, told by their first entry; None for empty ones."""
    for cell in cells:
        if isinstance(cell, dict):
            return "map"
        for entry in cell:
            if isinstance(entry, (tuple, list, dict)):
                first = next(iter(_entry(entry)), None)
                return "map" if isinstance(first, str) else "pairs"
            return "list" if isinstance(entry, str) else "histogram"
    return None


def _ragged(array: Any, valid: NDArray[np.bool_]) -> tuple[Ragged, Rows]:
    """The layout, and the positions of the entries in the child array."""
    offsets = np.asarray(array.offsets)
    count = np.where(valid, np.diff(offsets), 0).astype(np.int64)
    row = np.repeat(np.arange(count.size), count)
    within = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    return Ragged(row, count), offsets[:-1][row] + within


def _open(array: Any) -> tuple[Ragged, Rows]:
    return _ragged(array, np.asarray(array.is_valid()))


def _numbers(child: Any, at: Rows) -> Floats:
    """Entries as floats; an empty entry counts as 0."""
    values = child.cast("float64").to_numpy(zero_copy_only=False)[at]
    return np.asarray(np.nan_to_num(values, nan=0.0))


def _largest_name(ragged: Ragged, weight: Floats, codes: Rows, words: NDArray[Any]) -> NDArray[Any]:
    names = np.full(ragged.count.size, None, dtype=object)
    first = ragged.rank_from_top(weight) == 0
    names[ragged.row[first]] = words[codes[first]]
    return names


def _coded(child: Any, at: Rows) -> tuple[Rows, NDArray[Any]]:
    encoded = child.cast("string").fill_null("").dictionary_encode()
    words = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(words)  # alphabetical codes, so that ties do not depend on other rows
    place = np.empty(order.size, dtype=np.intp)
    place[order] = np.arange(order.size)
    return place[encoded.indices.to_numpy(zero_copy_only=False)[at]], words[order]


def summarize_map(array: Any) -> Summary:
    """Mean, standard deviation, max, min and count of the values; the key of the largest."""
    ragged, at = _open(array)
    values = _numbers(array.items, at)
    mean = ragged.mean(values)
    spread = ragged.mean((values - mean[ragged.row]) ** 2)
    codes, words = _coded(array.keys, at)
    return Summary(
        {
            "mean": mean,
            "std": np.sqrt(spread),
            "max": ragged.extreme(values, np.maximum),
            "min": ragged.extreme(values, np.minimum),
            "count": ragged.count.astype(float),
        },
        _largest_name(ragged, values, codes, words),
    )


def summarize_list(array: Any) -> Summary:
    """How many, how many different, and the most frequent entry."""
    ragged, at = _open(array)
    codes, words = _coded(array.values, at)
    cell, times = np.unique(ragged.row * max(1, words.size) + codes, return_counts=True)
    row, code = np.divmod(cell, max(1, words.size))
    unique = np.bincount(row, minlength=ragged.count.size)
    names = _largest_name(Ragged(row, unique), times.astype(float), code, words)
    return Summary({"count": ragged.count.astype(float), "unique": unique.astype(float)}, names)


def summarize_pairs(array: Any) -> Summary:
    """Total, mean, max and count of the second of each pair, such as (start, minutes)."""
    ragged, at = _open(array)
    values = _numbers(array.values.field(1), at)
    return Summary(
        {
            "total": ragged.sum(values),
            "mean": ragged.mean(values),
            "max": ragged.extreme(values, np.maximum),
            "count": ragged.count.astype(float),
        }
    )


def summarize_histogram(array: Any) -> Summary:
    """Share of the five largest cells, and entropy in nats."""
    ragged, at = _open(array)
    values = _numbers(array.values, at)
    total = ragged.sum(values)
    share = values / np.where(total > 0, total, 1.0)[ragged.row]
    plogp = share * np.log(np.where(share > 0, share, 1.0))
    top = ragged.rank_from_top(values) < TOP
    return Summary({"top5_share": ragged.sum(share * top), "entropy": -ragged.sum(plogp)})


SUMMARIES: dict[str, Callable[[Any], Summary]] = {
    "map": summarize_map,
    "list": summarize_list,
    "pairs": summarize_pairs,
    "histogram": summarize_histogram,
}


def nested_kind(kind: Any) -> str | None:
    """Which summary an Arrow type gets: map, pairs, histogram, list, or none at all."""
    types = need("pyarrow", extra="ltv").types
    if types.is_map(kind):
        return "map"
    if not (types.is_list(kind) or types.is_large_list(kind)):
        return None
    inner = kind.value_type
    if types.is_struct(inner):
        return "pairs" if inner.num_fields == 2 else None
    number = types.is_integer(inner) or types.is_floating(inner)
    return "histogram" if number else "list"
