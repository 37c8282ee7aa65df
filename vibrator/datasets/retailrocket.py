"""RetailRocket as an event log: views, carts and purchases, by the root of the category tree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vibrator.datasets.events import (
    Column,
    EventLog,
    RowReport,
    TextFile,
    first_existing,
    from_zero,
    of_active_users,
    one_of,
    reporting,
)
from vibrator.errors import BadInput

WEIGHTS = {"view": 1.0, "addtocart": 2.0, "transaction": 3.0}
LEAST_EVENTS = 10
EVENTS = (
    from_zero("timestamp"),
    from_zero("visitorid"),
    one_of("event", WEIGHTS),
    from_zero("itemid"),
)
TREE = (from_zero("categoryid"), Column("parentid"))
PREPARED = (from_zero("itemid"), from_zero("categoryid"))
PROPERTIES = (from_zero("timestamp"), from_zero("itemid"), Column("property"), Column("value"))


def load_retailrocket(folder: str | Path, *, report: RowReport | None = None) -> EventLog:
    """Events of users with 10 or more from `events.csv`, times in milliseconds there.

    An item's category is the root above the newest `categoryid` among `item_properties_part*.csv`
    or, where a prepared `item_categories.csv` (itemid, categoryid) lies, the one given there. Items
    that no file gives a category share one of their own, the last.
    """
    place = Path(folder)
    with reporting(report) as found:
        parents = _parents(TextFile(first_existing(place, ["category_tree.csv"])), found)
        categories = _categories(place, found)
        log = TextFile(first_existing(place, ["events.csv"]))
        blocks = [_named(block) for block in log.rows(EVENTS, found)]
    if not blocks:
        raise BadInput(f"{log.path.name} must have events, found none")
    events = of_active_users(pd.concat(blocks, ignore_index=True), LEAST_EVENTS)
    roots = {item: _root(category, parents) for item, category in categories.items()}
    places = {root: n for n, root in enumerate(sorted(set(roots.values())))}
    items = events["item_id"].unique().tolist()
    homeless = len(places)
    mapping = {item: places[roots[item]] if item in roots else homeless for item in items}
    events["cat_idx"] = events["item_id"].map(mapping).astype("int64")
    n_categories = homeless + (homeless in mapping.values())
    return EventLog(
        events[["user_id", "item_id", "ts", "cat_idx", "weight"]], mapping, n_categories
    )


def _named(block: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": block["visitorid"],
            "item_id": block["itemid"],
            "ts": block["timestamp"] / 1000.0,
            "weight": block["event"].map(WEIGHTS).astype("float64"),
        }
    )


def _parents(tree: TextFile, report: RowReport) -> dict[int, int | None]:
    """The parent of every category, None for roots."""
    parents: dict[int, int | None] = {}
    for block in tree.rows(TREE, report):
        good = block["parentid"].str.fullmatch(r"\d*")
        for line, value in block.loc[~good, "parentid"].items():
            rule = "must be a category or empty"
            report.add(tree.bad(line, "parentid", rule, value))
        for child, parent in block.loc[good, ["categoryid", "parentid"]].itertuples(index=False):
            parents[child] = int(parent) if parent else None
    return parents


def _categories(folder: Path, report: RowReport) -> dict[int, int]:
    """The category of every item that has one."""
    prepared = [p for p in _with_gz(folder, "item_categories.csv") if p.is_file()]
    if prepared:
        blocks = TextFile(prepared[0]).rows(PREPARED, report)
        return {
            int(item): int(category)
            for block in blocks
            for item, category in zip(block["itemid"], block["categoryid"], strict=True)
        }
    parts = sorted(p for p in folder.glob("item_properties_part*") if ".csv" in p.suffixes)
    if not parts:
        raise BadInput(
            f"{folder} must hold item_properties_part*.csv or item_categories.csv, found neither"
        )
    return _newest_categories([_given_categories(TextFile(part), report) for part in parts])


def _given_categories(part: TextFile, report: RowReport) -> pd.DataFrame:
    """The rows of a properties file that give an item's category; its other 97 % are let go."""
    blocks = part.rows(PROPERTIES, report)
    kept = [block[block["property"] == "categoryid"] for block in blocks]
    rows = pd.concat(kept) if kept else pd.DataFrame(columns=[c.name for c in PROPERTIES])
    good = rows["value"].str.fullmatch(r"\d+").astype(bool)
    for line, value in rows.loc[~good, "value"].items():
        report.add(part.bad(line, "value", "must be a category", value))
    return rows[good]


def _newest_categories(parts: list[pd.DataFrame]) -> dict[int, int]:
    newest = (
        pd.concat(parts)
        .sort_values("timestamp", kind="stable")
        .drop_duplicates("itemid", keep="last")
    )
    values = newest["value"].astype("int64").tolist()
    return dict(zip(newest["itemid"].tolist(), values, strict=True))


def _root(category: int, parents: Mapping[int, int | None]) -> int:
    """The category at the top of the tree above this one; a category outside it is its own."""
    path = [category]
    while (above := parents.get(path[-1])) is not None:
        if above in path:
            raise BadInput(f"category_tree must have no circles, got {[*path, above]}")
        path.append(above)
    return path[-1]


def _with_gz(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / name, folder / f"{name}.gz"
