"""Event logs on disk: text files read in blocks, every row checked, the bad ones reported."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vibrator.checks import read_or_refused
from vibrator.errors import BadInput, BadRows

BLOCK_LINES = 500_000
KEPT = 1_000  # bad rows that a report keeps; it counts the rest
SHOWN = 120  # letters of a line that a report quotes
UNIT = "\x1f"  # stands in for a separator of more than one letter, which no fast parser takes
TORN = "the file must not end in the middle of a row"


class EventLog(NamedTuple):
    """Events (`user_id, item_id, ts, cat_idx, weight`), the category of each item, their number."""

    events: pd.DataFrame
    item_to_cat_idx: dict[Any, int]
    n_categories: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """Where a row broke a rule, and with what."""

    file: str
    line: int
    column: str
    rule: str
    value: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, {self.column}: {self.rule}, got {self.value!r}"


@dataclass(slots=True)
class RowReport:
    """The rows that broke rules: the first thousand, and the number of all.

    Whoever hands a report to a loader wants the good rows to go on; without one a loader raises
    BadRows.
    """

    rows: list[BadRow] = field(default_factory=list)
    count: int = 0
    torn: int = 0

    def add(self, row: BadRow) -> None:
        """Take note of a row."""
        self.count += 1
        self.torn += row.rule == TORN
        if len(self.rows) < KEPT:
            self.rows.append(row)

    def __str__(self) -> str:
        return f"{self.count} bad rows; first: {self.rows[0]}" if self.rows else "no bad rows"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is needed, its type, and the rule that its values keep."""

    name: str
    kind: str = "str"
    rule: str = ""
    holds: Callable[[pd.Series], pd.Series] | None = None


@dataclass(frozen=True, slots=True)
class TextFile:
    """A delimited text file; without `names` its first line is the header."""

    path: Path
    names: tuple[str, ...] = ()
    separator: str = ","
    encoding: str = "utf-8"

    def rows(self, columns: Sequence[Column], report: RowReport) -> Iterator[pd.DataFrame]:
        """The needed columns of the good rows, block by block, with line numbers as the index."""
        lines = self._lines(report)
        names = list(self.names) or self._header(next(lines, (1, ""))[1])
        missing = [column.name for column in columns if column.name not in names]
        if missing:
            raise BadInput(f"{self.path.name} must have the columns {missing}, got {names}")
        while block := list(islice(lines, BLOCK_LINES)):
            whole = self._whole_rows(block, names, report)
            if whole:
                yield self._checked(self._parsed(whole, names, columns, report), columns, report)

    def bad(self, line: Any, column: str, rule: str, value: object) -> BadRow:
        """A report of one of this file's rows."""
        return BadRow(self.path.name, int(line), column, rule, str(value))

    def _lines(self, report: RowReport) -> Iterator[tuple[int, str]]:
        opened = gzip.open if self.path.suffix == ".gz" else open
        number = 0
        try:
            with opened(self.path, "rt", encoding=self.encoding, newline="") as file:
                for number, line in enumerate(file, 1):
                    yield number, line
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.path.name} must be {self.encoding}, got {error}") from None
        except (EOFError, zlib.error):
            report.add(self.bad(number + 1, "line", TORN, "a cut gzip stream"))

    def _header(self, line: str) -> list[str]:
        with read_or_refused(self.path.name):
            return next(csv.reader([line.strip("\r\n\ufeff")], delimiter=self.separator), [])

    def _whole_rows(
        self, block: Iterable[tuple[int, str]], names: Sequence[str], report: RowReport
    ) -> list[tuple[int, str]]:
        """Lines with a field a column; blank ones are passed over, others reported."""
        whole = []
        for number, line in block:
            if line.count(self.separator) == len(names) - 1 or self._fields(line) == len(names):
                whole.append((number, line))
            elif line.strip():
                rule = f"must have {len(names)} fields" if line.endswith("\n") else TORN
                report.add(self.bad(number, "line", rule, line.strip()[:SHOWN]))
        return whole

    def _fields(self, line: str) -> int:
        if '"' not in line:
            return line.count(self.separator) + 1
        try:
            return len(next(csv.reader([line], delimiter=self.separator[0]), []))
        except csv.Error:  # a field beyond all measure
            return 0

    def _parsed(
        self,
        lines: list[tuple[int, str]],
        names: Sequence[str],
        columns: Sequence[Column],
        report: RowReport,
    ) -> pd.DataFrame:
        """Typed columns, at once if all values are of their type, else without the others."""
        kinds = {column.name: column.kind for column in columns}
        numbers, texts = zip(*lines, strict=True)
        text = "".join(texts)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)  # of numbers beyond every integer
                frame = self._frame(text, names, kinds)
        except (ValueError, OverflowError, RuntimeWarning):
            try:
                raw = self._frame(text, names, dict.fromkeys(kinds, "str"))
            except ValueError as error:
                raise BadInput(f"{self.path.name} must be a table, got {error}") from None
            raw.index = pd.Index(numbers)
            return self._typed(raw, kinds, report)
        frame.index = pd.Index(numbers)
        return frame

    def _frame(self, text: str, names: Sequence[str], kinds: dict[str, str]) -> pd.DataFrame:
        one_letter = len(self.separator) == 1
        return pd.read_csv(
            io.StringIO(text if one_letter else text.replace(self.separator, UNIT)),
            sep=self.separator if one_letter else UNIT,
            names=list(names),
            usecols=list(kinds),
            dtype=kinds,
            na_filter=False,
        )

    def _typed(self, raw: pd.DataFrame, kinds: dict[str, str], report: RowReport) -> pd.DataFrame:
        for name, kind in kinds.items():
            if kind != "str":
                good = raw[name].map(lambda value, kind=kind: _is_a(kind, value)).astype(bool)
                rule = "must be a whole number" if kind == "int64" else "must be a number"
                for line, value in raw.loc[~good, name].items():
                    report.add(self.bad(line, name, rule, value))
                raw = raw[good]
        return raw.astype(kinds)

    def _checked(
        self, frame: pd.DataFrame, columns: Sequence[Column], report: RowReport
    ) -> pd.DataFrame:
        for column in columns:
            if column.holds is not None:
                good = column.holds(frame[column.name])
                for line, value in frame.loc[~good, column.name].items():
                    report.add(self.bad(line, column.name, column.rule, value))
                frame = frame[good]
        return frame


@contextmanager
def reporting(report: RowReport | None) -> Iterator[RowReport]:
    """The caller's report, or one of our own that has to be empty in the end."""
    own = RowReport()
    yield own if report is None else report
    if own.count:
        raise BadRows(f"{own}; hand in a RowReport to go on without them", own)


def one_of(name: str, values: Iterable[str]) -> Column:
    """A column whose values are few and known."""
    known = sorted(values)
    return Column(name, "str", f"must be one of {known}", lambda found: found.isin(known))


def from_zero(name: str) -> Column:
    """A column of whole numbers that are not negative."""
    return Column(name, "int64", "must not be negative", lambda found: found >= 0)


def first_existing(folder: Path, names: Iterable[str]) -> Path:
    """The first of these files that is there, plain or gzipped."""
    names = list(names)
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise BadInput(f"{folder} must hold {' or '.join(names)} (or .gz), found neither")


def of_active_users(events: pd.DataFrame, least: int) -> pd.DataFrame:
    """Events of users who have at least so many."""
    counts = events["user_id"].map(events["user_id"].value_counts())
    return events[counts >= least].reset_index(drop=True)


def _is_a(kind: str, value: str) -> bool:
    try:
        number = int(value) if kind == "int64" else float(value)
    except ValueError:
        return False
    return -(2**63) <= number < 2**63
