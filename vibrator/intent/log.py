"""An event log, checked and laid out for replay: users in order, time in order, history, future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COLUMNS = ("user_id", "item_id", "ts", "cat_idx", "weight")
UNKNOWN = -1  # the category of an item that the mapping does not name
TEST_EVENTS = 5  # of each user at most
TRAIN_SHARE = 0.8
MIN_TRAIN, MIN_EVENTS = 5, 10  # so everybody has five events of history, two of future


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events by user and time; user i owns rows start[i] to end[i], from cut[i] on its future."""

    user_ids: Any
    item_ids: Any
    item: Ints
    time: Floats
    category: Ints
    weight: Floats
    start: Ints
    cut: Ints
    end: Ints
    item_category: Ints
    n_categories: int

    def train_counts(self) -> Ints:
        """How often each item occurs in the histories."""
        deltas = np.zeros(len(self.item) + 1, dtype=np.int8)
        np.add.at(deltas, self.start, 1)
        np.add.at(deltas, self.cut, -1)
        past = np.cumsum(deltas[:-1], dtype=np.int8).astype(bool)
        return np.bincount(self.item[past], minlength=len(self.item_ids))

    def popular(self, *, paper: bool) -> Ints:
        """Items of the histories, frequent first; ties by item id, or as pandas leaves them."""
        counts = self.train_counts()
        if paper:
            found = np.flatnonzero(counts)
            ranked = pd.Series(counts[found], index=found).sort_values(ascending=False)
            return np.asarray(ranked.index, dtype=np.int64)
        order = np.argsort(-counts, kind="stable")
        return order[: np.count_nonzero(counts)]


def lay_out(
    events: pd.DataFrame,
    item_to_cat_idx: Mapping[Any, int],
    n_categories: int,
    *,
    paper: bool = False,
) -> Timeline:
    """Check a log and sort it by user and time; of one time by item id, or as they came."""
    _check(events, n_categories)
    user, user_ids = pd.factorize(events["user_id"], sort=True)
    often = np.bincount(user, minlength=len(user_ids))[user] >= MIN_EVENTS
    if not often.any():
        raise BadInput(f"events must have a user with {MIN_EVENTS} events or more, got none")
    events = events if often.all() else events[often]
    user, user_ids = pd.factorize(events["user_id"], sort=True)
    item, item_ids = pd.factorize(events["item_id"], sort=True)
    time = _seconds(events["ts"])
    order = np.lexsort((time, user)) if paper else np.lexsort((item, time, user))
    user = user[order]
    start = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    end = np.r_[start[1:], len(user)]
    cut = start + split_point(end - start)
    if paper:
        order = _sorted_again(order, time, start, cut, end)
    return Timeline(
        user_ids=np.asarray(user_ids),
        item_ids=np.asarray(item_ids),
        item=item[order],
        time=time[order],
        category=events["cat_idx"].to_numpy()[order],
        weight=events["weight"].to_numpy(dtype=np.float64)[order],
        start=start,
        cut=cut,
        end=end,
        item_category=_categories(item_ids, item_to_cat_idx, n_categories),
        n_categories=n_categories,
    )


def split_point(n: Ints) -> Ints:
    """How many of n events are history: all but 5 or a fifth, whichever is fewer, and at least 5.

    >>> split_point(np.array([10, 20, 100]))
    array([ 8, 16, 95])
    """
    history = np.maximum(n - TEST_EVENTS, np.floor(TRAIN_SHARE * n).astype(np.int64))
    return np.asarray(np.minimum(np.maximum(history, MIN_TRAIN), n - 1))


def _sorted_again(order: Ints, time: Floats, start: Ints, cut: Ints, end: Ints) -> Ints:
    """Every part of every user sorted by time once more, as pandas' default sort leaves ties."""
    again: Ints = order.copy()
    when = time[order]
    tied = np.r_[False, when[1:] == when[:-1]]
    for first, last in (*zip(start, cut, strict=True), *zip(cut, end, strict=True)):
        if tied[first + 1 : last].any():
            part = slice(first, last)
            again[part] = order[part][np.argsort(when[part], kind="quicksort")]
    return again


def _categories(item_ids: Any, mapping: Mapping[Any, int], n_categories: int) -> Ints:
    found = pd.Series(mapping, dtype="float64").reindex(item_ids).fillna(UNKNOWN).to_numpy()
    places: Ints = found.astype(np.int64)
    wrong = (places != found) | (places < UNKNOWN) | (places >= n_categories)
    if wrong.any():
        rule = f"item_to_cat_idx must give whole numbers from 0 to {n_categories - 1}"
        raise BadInput(f"{rule}, got {found[wrong][0]} for {item_ids[wrong][0]!r}")
    return places


def _seconds(ts: pd.Series) -> Floats:
    if pd.api.types.is_datetime64_dtype(ts.dtype):
        raise BadInput("ts must be seconds or carry a timezone, got naive datetimes")
    if isinstance(ts.dtype, pd.DatetimeTZDtype):
        epoch = pd.Timestamp(0, tz="UTC")
        return np.asarray((ts - epoch) / pd.Timedelta(seconds=1), dtype=np.float64)
    return _finite(ts)


def _finite(column: pd.Series) -> Floats:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise BadInput(f"{column.name} must be numbers, got {column.dtype}")
    values = np.asarray(column, dtype=np.float64)
    if not np.isfinite(values).all():
        raise BadInput(f"{column.name} must be finite, got {values[~np.isfinite(values)][0]}")
    return values


def _check(events: pd.DataFrame, n_categories: int) -> None:
    missing = [name for name in COLUMNS if name not in events.columns]
    if missing:
        raise BadInput(f"events must have the columns {list(COLUMNS)}, missing: {missing}")
    if not isinstance(n_categories, (int, np.integer)) or n_categories < 1:
        raise BadInput(f"n_categories must be a whole number from 1, got {n_categories!r}")
    for name in COLUMNS:
        gaps = np.flatnonzero(events[name].isna())
        if len(gaps):
            raise BadInput(f"{name} must be known in every event, missing in row {gaps[0]}")
    _check_categories(events["cat_idx"], n_categories)
    weight = _finite(events["weight"])
    if (weight < 0).any():
        raise BadInput(f"weight must not be negative, got {weight[weight < 0][0]}")


def _check_categories(cat_idx: pd.Series, n_categories: int) -> None:
    if not pd.api.types.is_integer_dtype(cat_idx.dtype):
        raise BadInput(f"cat_idx must be whole numbers, got {cat_idx.dtype}")
    if len(cat_idx) and not (cat_idx.min() >= 0 and cat_idx.max() < n_categories):
        found = f"{cat_idx.min()} to {cat_idx.max()}"
        raise BadInput(f"cat_idx must lie from 0 to {n_categories - 1}, got {found}")
