"""REES46 shops as an event log: views, carts and purchases of some thousands of busy users."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from vibrator.datasets.events import (
    Column,
    EventLog,
    RowReport,
    TextFile,
    from_zero,
    of_active_users,
    one_of,
    reporting,
)
from vibrator.errors import BadInput

WEIGHTS = {"view": 1.0, "cart": 2.0, "remove_from_cart": 0.0, "purchase": 3.0}
LARGEST = 30  # categories kept apart; the rest share one bucket
LEAST_EVENTS = 15
USERS, SEED = 15_000, 42
TIME_FORMAT = "%Y-%m-%d %H:%M:%S UTC"
COLUMNS = (
    Column("event_time"),
    one_of("event_type", WEIGHTS),
    from_zero("product_id"),
    from_zero("category_id"),
    from_zero("user_id"),
)


def load_rees46(
    source: str | Path,
    *,
    max_users: int = USERS,
    seed: int = SEED,
    report: RowReport | None = None,
) -> EventLog:
    """Events of at most 15,000 users, drawn from those with 15 or more; month files in a folder.

    Categories are the 30 with most events among those users and one bucket for the rest, by
    `category_id`, as `category_code` is empty for most products of some shops. A product counts
    to the category it had last.
    """
    months = _months(Path(source))
    with reporting(report) as found:
        events = pd.concat([_read(month, found) for month in months], ignore_index=True)
    events = _drawn(of_active_users(events, LEAST_EVENTS), max_users, seed)
    if events.empty:
        raise BadInput(f"{source} must have users with {LEAST_EVENTS} events, found none")
    counts = events["category_id"].value_counts()
    largest = sorted(counts.index, key=lambda name: (-counts[name], name))[:LARGEST]
    places = {name: place for place, name in enumerate(largest)}
    bucket = len(largest)
    n_categories = bucket + (len(counts) > bucket)
    events["cat_idx"] = events["category_id"].map(places).fillna(bucket).astype("int64")
    last = events.sort_values("ts", kind="stable").drop_duplicates("item_id", keep="last")
    mapping = dict(zip(last["item_id"].tolist(), last["cat_idx"].tolist(), strict=True))
    return EventLog(
        events[["user_id", "item_id", "ts", "cat_idx", "weight"]], mapping, n_categories
    )


def _months(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    months = sorted(p for p in source.glob("*.csv*") if p.suffix in {".csv", ".gz"})
    if not months:
        raise BadInput(f"{source} must hold month files such as 2019-Oct.csv, found none")
    return months


def _read(month: Path, report: RowReport) -> pd.DataFrame:
    file = TextFile(month)
    blocks = [_named(file, block, report) for block in file.rows(COLUMNS, report)]
    if not blocks:
        raise BadInput(f"{month.name} must have events, found none")
    return pd.concat(blocks, ignore_index=True)


def _named(file: TextFile, block: pd.DataFrame, report: RowReport) -> pd.DataFrame:
    times = pd.to_datetime(block["event_time"], format=TIME_FORMAT, errors="coerce")
    good = times.notna()
    for line, value in block.loc[~good, "event_time"].items():
        report.add(file.bad(line, "event_time", f"must look like {TIME_FORMAT}", value))
    kept = block[good]
    seconds = (times[good] - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    return pd.DataFrame(
        {
            "user_id": kept["user_id"],
            "item_id": kept["product_id"],
            "ts": seconds,
            "category_id": kept["category_id"],
            "weight": kept["event_type"].map(WEIGHTS).astype("float64"),
        }
    )


def _drawn(events: pd.DataFrame, max_users: int, seed: int) -> pd.DataFrame:
    users = np.sort(events["user_id"].unique())
    if len(users) <= max_users:
        return events
    drawn = np.random.default_rng(seed).choice(users, size=max_users, replace=False)
    return events[events["user_id"].isin(drawn)].reset_index(drop=True)
