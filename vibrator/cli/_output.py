"""Rows on stdout, in the format asked for; everything else goes to stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table

FORMULA_STARTERS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How results are written to stdout."""

    table = "table"
    json = "json"
    csv = "csv"


def note(message: str) -> None:
    """A word to the person, on stderr."""
    Console(stderr=True).print(message, highlight=False)


def show(rows: Iterable[Mapping[str, Any]], how: Format, *, title: str | None = None) -> None:
    """Print rows of one shape as a table, as one JSON list or as CSV."""
    rows = list(rows)
    if how is Format.json:
        json.dump(rows, sys.stdout, ensure_ascii=False, default=str, allow_nan=False)
        sys.stdout.write("\n")
    elif how is Format.csv:
        _write_csv(rows)
    else:
        _print_table(rows, title)


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> safe_cell("=1+1"), safe_cell(-2)
    ("'=1+1", -2)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTERS) else value


def _write_csv(rows: list[Mapping[str, Any]]) -> None:
    if not rows:
        return
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)


def _print_table(rows: list[Mapping[str, Any]], title: str | None) -> None:
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
