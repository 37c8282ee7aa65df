"""Rows on stdout, in the format asked for; everything else goes to stderr."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vibrator.writing import safe_cell

Row = TypeVar("Row")


class Format(StrEnum):
    """How results are written to stdout."""

    table = "table"
    json = "json"
    csv = "csv"


def note(message: str) -> None:
    """A word to the person, on stderr; brackets in it are just brackets."""
    Console(stderr=True, soft_wrap=True).print(message, markup=False, highlight=False)


def show(rows: Iterable[Mapping[str, Any]], how: Format, *, title: str | None = None) -> None:
    """Print rows of one shape as a table, as one JSON list or as CSV, the last two as they come."""
    if how is Format.json:
        _write_json(rows)
    elif how is Format.csv:
        _write_csv(iter(rows))
    else:
        _print_table(list(rows), title)


def progress(rows: Iterable[Row], words: str, total: int | None = None) -> Iterator[Row]:
    """The rows as they are, with a bar on stderr if that is a terminal."""
    from rich.progress import track

    console = Console(stderr=True)
    shown = console.is_terminal
    yield from track(rows, words, total, console=console, transient=True, disable=not shown)


def _write_json(rows: Iterable[Mapping[str, Any]]) -> None:
    before = "["
    for row in rows:
        told = {name: _known(value) for name, value in row.items()}
        text = json.dumps(told, ensure_ascii=False, default=str, allow_nan=False)
        sys.stdout.write(f"{before}{text}")
        before = ",\n "
    sys.stdout.write("[]\n" if before == "[" else "]\n")


def _known(value: Any) -> Any:
    """JSON has no NaN and no infinity: what is no number is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_csv(rows: Iterator[Mapping[str, Any]]) -> None:
    first = next(rows, None)
    if first is None:
        return
    writer = csv.DictWriter(sys.stdout, fieldnames=list(first), lineterminator="\n")
    writer.writeheader()
    for row in chain([first], rows):
        writer.writerow({name: safe_cell(value) for name, value in row.items()})


def _print_table(rows: list[Mapping[str, Any]], title: str | None) -> None:
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ():
        heading = name.replace("_", " ")
        whole = [*heading.split(), *(_cell(row[name]) for row in rows if _is_number(row[name]))]
        table.add_column(heading, overflow="fold", min_width=max(map(len, whole)))
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console = Console()
    with console.capture() as drawn:
        console.print(table, crop=False)  # a table too wide is for the terminal to wrap
    sys.stdout.write(drawn.get())


def _is_number(value: Any) -> bool:
    """Numbers stay on one line: 3e-11 cut in two would read as 3e-1."""
    return isinstance(value, (int, float))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
