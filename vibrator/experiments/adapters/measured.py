"""Any table with an id and numbers as the thing measured; one column decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vibrator.checks import require_text
from vibrator.errors import BadInput
from vibrator.experiments.adapters.port import Source, compared, number_in, signals

ID = "id"


class MeasuredAdapter:
    """Reads items from `source`, a function from ids to rows; the column `primary` decides.

    >>> rows = {"a": 3.0, "b": 4.0}
    >>> source = lambda ids: [{"id": i, "minutes": rows[i]} for i in ids if i in rows]
    >>> adapter = MeasuredAdapter(source, "minutes")
    >>> adapter.get_signals(adapter.collect_metrics(["a", "b", "c"]))["primary_metric"]
    3.5
    """

    def __init__(self, source: Source, primary: str) -> None:
        self.source = source
        self.primary = require_text("primary", primary)

    def collect_metrics(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What the source knows of these items now."""
        return self.source(item_ids)

    def get_signals(self, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The mean of the primary column over the items that have it; beside it every column."""
        return signals(metrics, lambda item: number_in(item, self.primary))

    def format_context(
        self, top_items: Sequence[Mapping[str, Any]], bottom_items: Sequence[Mapping[str, Any]]
    ) -> str:
        """The best and the worst items."""
        return compared(top_items, bottom_items)

    def describe(self) -> str:
        """One line."""
        return f"measured items, by {self.primary}"


def measured_in(path: str | Path) -> Source:
    """A source over a CSV, JSON Lines or parquet file with a column `id`, read anew at each call.

    An empty cell was not measured.
    """

    def source(item_ids: Sequence[str]) -> list[dict[str, Any]]:
        frame = _read(Path(path))
        wanted = frame[frame[ID].isin(list(item_ids))]
        return [
            {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124  # NaN
            for row in wanted.to_dict("records")
        ]

    return source


def table_in(path: Path) -> Any:
    """A CSV, JSON Lines or parquet file as a pandas table; a column `id` is kept as text."""
    import pandas as pd

    if not path.is_file():
        raise BadInput(f"no file {path}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype={ID: str})
        if path.suffix == ".jsonl":
            return pd.read_json(path, lines=True, dtype={ID: str})
    except (ValueError, OSError) as error:  # a torn parquet file is either
        raise BadInput(f"{path} is no {path.suffix[1:]} table: {error}") from None
    raise BadInput(f"a table comes as .csv, .jsonl or .parquet, got {path.name}")


def _read(path: Path) -> Any:
    frame = table_in(path)
    if ID not in frame:
        raise BadInput(f"{path} has no column {ID!r}; there are {list(frame.columns)}")
    frame[ID] = frame[ID].astype(str)
    if not frame[ID].is_unique:
        twice = frame[ID][frame[ID].duplicated()].iloc[0]
        raise BadInput(f"{path} has one row an item, got several with the id {twice!r}")
    return frame
