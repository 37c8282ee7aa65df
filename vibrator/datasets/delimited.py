"""CSV files: quick where a block is clean, and row by row where it is not."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from vibrator.datasets.fields import Field, Rows
from vibrator.datasets.files import LineBlock, line_blocks
from vibrator.datasets.report import TORN, Faults
from vibrator.errors import BadInput

SLICE = 500  # rows held as lists: below the 700 at which Python's collector looks at them
DELIMITERS = (",", ";", "\t", "|")


class Layout(NamedTuple):
    """The header, and where our columns stand in it."""

    header: tuple[str, ...]
    places: dict[str, int]
    delimiter: str


@dataclass(frozen=True, slots=True)
class RawBlock:
    """Lines of a file that have not been looked at, and how to read them."""

    block: LineBlock
    layout: Layout
    faults: Faults

    def rows(self) -> Rows:
        """Row by row: each with as many fields as the header, the others noted."""
        lines: list[int] = []
        columns: dict[str, list[str]] = {name: [] for name in self.layout.places}
        records = self._whole()
        while some := list(islice(records, SLICE)):
            numbers, rows = zip(*some, strict=True)
            lines += numbers
            fields = list(zip(*rows, strict=True))
            for name, at in self.layout.places.items():
                columns[name] += fields[at]
        return Rows(lines, columns)

    def _whole(self) -> Iterator[tuple[int, list[str]]]:
        """The records with as many fields as the header."""
        width = len(self.layout.header)
        for line, row in self._records():
            if len(row) == width:
                yield line, row
            elif any(row):
                self._note_width(line, row)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record with the number of its first line; after a fault, on with the next line."""
        lines, at, start = self._decoded(), 0, 0
        while start < len(lines):
            rest = (lines[place] for place in range(start, len(lines)))
            reader = csv.reader(rest, delimiter=self.layout.delimiter, strict=True)
            at = start
            try:
                for row in reader:
                    yield self.block.first_line + at, row
                    at = start + reader.line_num
                start = len(lines)
            except csv.Error as error:
                self._note(at, f"must be sound CSV ({error})", lines[at])
                start = at + 1

    def _decoded(self) -> list[str]:
        lines = self.block.lines()
        try:
            return [line.decode() for line in lines]
        except UnicodeDecodeError:
            return [self._text(place, line) for place, line in enumerate(lines)]

    def _text(self, place: int, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._note(place, "must be UTF-8", line.decode("utf-8", "replace"))
            return "\n"

    def _note_width(self, line: int, row: list[str]) -> None:
        last = line - self.block.first_line >= self.block.data.count(b"\n")
        torn = last and not self.block.ended and len(row) < len(self.layout.header)
        rule = TORN if torn else f"must have {len(self.layout.header)} fields"
        self.faults.note(line, "line", rule, self.layout.delimiter.join(row))

    def _note(self, place: int, rule: str, value: str) -> None:
        self.faults.note(self.block.first_line + place, "line", rule, value.strip())


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A text file with a header; `columns` maps our names to those of the header."""

    path: Path
    columns: Mapping[str, str]
    delimiter: str = ","

    def blocks(self, fields: Sequence[Field], faults: Faults) -> Iterator[RawBlock]:
        """Blocks of rows under one layout."""
        blocks = line_blocks(self.path, faults, quoted=True)
        first = next(blocks, None)
        if first is None:
            raise BadInput(f"{self.path.name} must have a header, got an empty file")
        head, _, body = first.data.partition(b"\n")
        layout = self._layout(head, fields)
        rest = replace(first, data=body, first_line=first.first_line + 1)
        for block in chain([rest] if body else [], blocks):
            yield RawBlock(block, layout, faults)

    def _layout(self, head: bytes, fields: Sequence[Field]) -> Layout:
        line = head.decode("utf-8", "replace").strip("\r\n")
        header = _split(line, self.delimiter)
        places = find_columns(self.path.name, header, self.columns, fields, self._hint(line))
        return Layout(tuple(header), places, self.delimiter)

    def _hint(self, line: str) -> str:
        likely = max(DELIMITERS, key=line.count)
        if likely == self.delimiter or likely not in line:
            return ""
        return f"; it looks delimited by {likely!r}: say delimiter={likely!r}"


def find_columns(
    source: str,
    header: Sequence[str],
    columns: Mapping[str, str],
    fields: Sequence[Field],
    hint: str = "",
) -> dict[str, int]:
    """Where each of our columns stands in a header; a needed one that is absent is refused."""
    require_known(columns, fields)
    wanted = {field.name: columns.get(field.name, field.name) for field in fields}
    _require_spelling(source, header, wanted)
    needed = [theirs for f in fields if (theirs := wanted[f.name]) and f.required] + list(
        columns.values()
    )
    missing = sorted({name for name in needed if name not in header})
    if missing:
        raise BadInput(f"{source} must have the columns {missing}, got {list(header)}{hint}")
    twice = sorted({name for name in wanted.values() if list(header).count(name) > 1})
    if twice:
        raise BadInput(f"{source} must have the columns {twice} once, got {list(header)}")
    return {ours: list(header).index(name) for ours, name in wanted.items() if name in header}


def _require_spelling(source: str, header: Sequence[str], wanted: Mapping[str, str]) -> None:
    """Refuse `Timestamp` where `timestamp` is read: it would be passed over in silence."""
    alike = {
        ours: theirs
        for ours, name in wanted.items()
        for theirs in header
        if name not in header and str(theirs).strip().casefold() == name.casefold()
    }
    if alike:
        raise BadInput(f"{source} spells columns otherwise: say columns={alike}")


def require_known(columns: Mapping[str, str], fields: Sequence[Field]) -> None:
    """Refuse a mapping of columns that nobody reads."""
    known = [field.name for field in fields]
    stray = sorted(set(columns) - set(known))
    if stray:
        raise BadInput(f"columns must map names out of {known} to yours, got {stray}")


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise BadInput(
            f"the header must be one line of names, got {line[:80]!r}: {error}"
        ) from None
