"""Rows on stdout, in the format asked for; everything else goes to stderr or into whole files."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = TypeVar("Row")
FORMULA_STARTERS = ("=", "+", "-", "@", "\t", "\r")


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


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to, moved there when all is written, else removed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> safe_cell("=1+1"), safe_cell(-2)
    ("'=1+1", -2)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTERS) else value


def _write_json(rows: Iterable[Mapping[str, Any]]) -> None:
    before = "["
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, default=str, allow_nan=False)
        sys.stdout.write(f"{before}{text}")
        before = ",\n "
    sys.stdout.write("[]\n" if before == "[" else "]\n")


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
        table.add_column(heading, overflow="fold", min_width=max(map(len, heading.split())))
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console = Console()
    with console.capture() as drawn:
        console.print(table, crop=False)  # a table too wide is for the terminal to wrap
    sys.stdout.write(drawn.get())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
