"""The nested columns of simulated people: maps, lists, pairs, histograms and moments, in Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.ltv.frames import write_partitions
from vibrator.ltv.simulated import CATEGORIES, HOURS, Population, Truth, simulate_users
from vibrator.optional import need

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

CHUNK = 250_000  # people that are simulated at once when a folder is written
DAY_MS = 86_400_000


def add_nested(frame: pd.DataFrame, truth: Truth, rng: Generator) -> pd.DataFrame:
    """The frame with six more columns that tell of the same people in other forms."""
    size = len(frame)
    spend = frame["past_spend"].to_numpy()
    bought = np.minimum(frame["past_purchases"].to_numpy(), 6)
    opened = np.minimum(frame["sessions"].to_numpy(), 12)
    moment = frame["datetime"].astype("datetime64[ms, UTC]").astype("int64").to_numpy()
    idle = np.nan_to_num(frame["days_since_purchase"].to_numpy(), nan=-1.0)
    nested = {
        "spend_by_category": _map(bought, spend, rng),
        "recent_bundles": _words(opened, rng),
        "session_pairs": _pairs(opened, frame["session_minutes"].to_numpy(), rng),
        "opens_by_hour": _histogram(truth.engaged, rng),
        "last_purchase_ms": _moments(moment - (idle * DAY_MS).astype(np.int64), idle >= 0),
        "first_seen": pd.Series(pd.to_datetime(moment - rng.integers(0, 400, size) * DAY_MS,
                                               unit="ms", utc=True)),
    }  # fmt: skip
    return frame.assign(**{name: _column(values) for name, values in nested.items()})


def simulate_folder(
    count: int, folder: str | Path, rng: Generator, *, population: Population | None = None
) -> None:
    """Any number of people as parquet partitions by day, a bounded number in memory at a time.

    Each chunk covers all days, so every partition gets one file a chunk.
    """
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        frame, truth = simulate_users(size, rng, population=population, first_id=first)
        write_partitions(add_nested(frame, truth, rng), folder, name=f"part-{first // CHUNK:04d}")


def _column(values: Any) -> Any:
    if isinstance(values, pd.Series):
        return values.to_numpy() if values.dtype == object else values.array
    return pd.arrays.ArrowExtensionArray(values)


def _offsets(counts: NDArray[np.int64]) -> Any:
    return need("pyarrow", extra="ltv").array(np.concatenate([[0], np.cumsum(counts)]), "int32")


def _map(counts: NDArray[np.int64], total: NDArray[np.float64], rng: Generator) -> Any:
    arrow = need("pyarrow", extra="ltv")
    entries = int(counts.sum())
    row = np.repeat(np.arange(counts.size), counts)
    share = rng.exponential(size=entries)
    whole = np.bincount(row, share, counts.size)
    words = arrow.DictionaryArray.from_arrays(
        arrow.array(rng.integers(0, len(CATEGORIES), entries), "int8"), list(CATEGORIES)
    ).cast("string")
    values = arrow.array((share / whole[row] * total[row]).round(2))
    return arrow.MapArray.from_arrays(_offsets(counts), words, values)


def _words(counts: NDArray[np.int64], rng: Generator) -> Any:
    arrow = need("pyarrow", extra="ltv")
    names = [f"app.{i:02d}" for i in range(30)]
    codes = np.minimum(rng.geometric(0.15, int(counts.sum())) - 1, len(names) - 1)
    words = arrow.DictionaryArray.from_arrays(arrow.array(codes, "int8"), names).cast("string")
    return arrow.ListArray.from_arrays(_offsets(counts), words)


def _pairs(counts: NDArray[np.int64], minutes: NDArray[np.float64], rng: Generator) -> Any:
    arrow = need("pyarrow", extra="ltv")
    row = np.repeat(np.arange(counts.size), counts)
    each = (minutes / np.maximum(counts, 1))[row] * rng.exponential(size=row.size)
    hour = arrow.array(rng.integers(0, HOURS, row.size), "int8")
    pairs = arrow.StructArray.from_arrays([hour, arrow.array(each.round(1))], ["hour", "minutes"])
    return arrow.ListArray.from_arrays(_offsets(counts), pairs)


def _histogram(engaged: NDArray[np.float64], rng: Generator) -> Any:
    arrow = need("pyarrow", extra="ltv")
    opens = rng.poisson(np.exp(-1.0 + 0.4 * engaged)[:, None], (engaged.size, HOURS))
    counts = np.full(engaged.size, HOURS)
    return arrow.ListArray.from_arrays(_offsets(counts), arrow.array(opens.ravel(), "int16"))


def _moments(moments: NDArray[np.int64], known: NDArray[np.bool_]) -> Any:
    return need("pyarrow", extra="ltv").array(moments, "int64", mask=~known)
