"""The event logs that can be named: where each is looked for, how it is read, how to get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vibrator.datasets.events import EventLog, RowReport
from vibrator.datasets.movielens import load_movielens
from vibrator.datasets.parquet import parquet_or_refused
from vibrator.datasets.rees46 import load_rees46
from vibrator.datasets.retailrocket import load_retailrocket
from vibrator.errors import BadInput, UnknownName


@dataclass(frozen=True, slots=True)
class Source:
    """A public data set, known by its files."""

    load: Callable[..., EventLog]
    marks: tuple[str, ...]  # patterns of which one names a file of the folder
    folders: tuple[str, ...]  # where it is looked for below a data directory
    how_to_get: str

    def find(self, data_dir: Path) -> Path | None:
        """The first folder that holds it: the directory itself or one of the usual names below."""
        for folder in (data_dir, *(data_dir / name for name in self.folders)):
            if any(path.is_file() for mark in self.marks for path in folder.glob(mark)):
                return folder
        return None


EVENT_LOGS = {
    "movielens": Source(
        load_movielens,
        ("ratings.dat", "ratings.dat.gz", "ratings.csv", "ratings.csv.gz", "u.data", "u.data.gz"),
        ("movielens", "ml-1m", "ml-100k", "ml-10m", "ml-20m", "ml-25m", "ml-32m"),
        "unpack ml-1m.zip or ml-100k.zip from https://grouplens.org/datasets/movielens",
    ),
    "retailrocket": Source(
        load_retailrocket,
        ("category_tree.csv", "category_tree.csv.gz"),
        ("retailrocket", "ecommerce-dataset"),
        "unpack https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset",
    ),
    "rees46": Source(
        load_rees46,
        ("[0-9][0-9][0-9][0-9]-[A-Z][a-z][a-z].csv", "[0-9][0-9][0-9][0-9]-[A-Z][a-z][a-z].csv.gz"),
        ("rees46", "rees46-cosmetics", "rees46-sample"),
        "put month files (2019-Oct.csv, …) from https://rees46.com/en/datasets into a folder",
    ),
}


def load_event_log(name: str, data_dir: str | Path, *, report: RowReport | None = None) -> EventLog:
    """A named data set from its folder in the data directory."""
    if name not in EVENT_LOGS:
        raise UnknownName(f"no event log {name!r}; known: {sorted(EVENT_LOGS)}, or a file's path")
    source = EVENT_LOGS[name]
    folder = source.find(Path(data_dir))
    if folder is None:
        raise BadInput(f"{name} is not in {data_dir}: {source.how_to_get}")
    return source.load(folder, report=report)


def load_event_file(path: str | Path) -> EventLog:
    """A CSV or parquet file with `user_id, item_id, ts` and `cat_idx` or `category`.

    `weight` is 1 where the file has none; `ts` are seconds, or texts that carry a timezone. A
    `category` is a name; names are numbered in order. An item counts to the category it had last.
    """
    events = _table(Path(path))
    missing = [name for name in ("user_id", "item_id", "ts") if name not in events]
    if missing or not {"cat_idx", "category"} & set(events):
        raise BadInput(
            f"{path} must have user_id, item_id, ts and cat_idx or category, got {list(events)}"
        )
    if events.empty:
        raise BadInput(f"{path} must hold at least one event, found none")
    for name in ("user_id", "item_id", "ts", *({"category"} & set(events))):
        _require(events[name].notna(), events[name], "be given in every row", path)
    if "cat_idx" in events:
        whole = _numbers(events["cat_idx"])
        _require((whole >= 0) & (whole % 1 == 0), events["cat_idx"], "be whole, from 0 on", path)
        events["cat_idx"] = whole.astype(int)
    else:
        events["cat_idx"], _ = pd.factorize(events["category"], sort=True)
    weight = _numbers(events["weight"]) if "weight" in events else pd.Series(1.0, events.index)
    _require(np.isfinite(weight), events.get("weight", weight), "be finite numbers", path)
    events["weight"] = weight
    if not pd.api.types.is_numeric_dtype(events["ts"]):
        events["ts"] = _moments(events["ts"], path)
    last = events.sort_values("ts", kind="stable").drop_duplicates("item_id", keep="last")
    mapping = dict(zip(last["item_id"].tolist(), last["cat_idx"].tolist(), strict=True))
    columns = ["user_id", "item_id", "ts", "cat_idx", "weight"]
    return EventLog(events[columns], mapping, int(events["cat_idx"].max()) + 1)


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise BadInput(f"{path} is no file, and no event log is called so: {sorted(EVENT_LOGS)}")
    if path.suffix == ".parquet":
        with parquet_or_refused(path):
            return pd.read_parquet(path)
    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} must be a CSV file, got {error}") from None


def _numbers(column: pd.Series) -> pd.Series:
    """As numbers, NaN where a value is none."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))


def _require(good: pd.Series, column: pd.Series, rule: str, path: str | Path) -> None:
    if not good.all():
        row = int(np.flatnonzero(~good.to_numpy())[0])
        raise BadInput(
            f"{column.name} of {path} must {rule}, got {column.iloc[row]!r} in row {row + 1}"
        )


def _moments(texts: pd.Series, path: str | Path) -> pd.Series:
    try:
        times = pd.to_datetime(texts, format="ISO8601")
    except ValueError as error:
        raise BadInput(f"ts of {path} must be seconds or ISO 8601, got {error}") from None
    if times.dt.tz is None:
        raise BadInput(f"ts of {path} must carry a timezone, got {texts.iloc[0]!r}")
    return times
