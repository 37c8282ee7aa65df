"""Items and sliders of your own, from JSON, CSV, text files, frames and queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibrator.datasets.delimited import RawBlock
from vibrator.datasets.fields import GIVEN, Field, Rows, read_id, read_mapping, read_rows, read_text
from vibrator.datasets.files import Torn, byte_blocks, line_blocks, require_file
from vibrator.datasets.report import FIRST, Faults, ReadReport, require_on_error, stop
from vibrator.datasets.seen import Seen
from vibrator.datasets.sources import FILES, Objects, Shape, Source, open_source, opener
from vibrator.errors import BadInput
from vibrator.sliders import Slider, SliderSet
from vibrator.stores.ports import Item

ITEM_FIELDS = (
    Field("id", read_id, required=True),
    Field("title", read_text),
    Field("text", read_text),
    Field("metadata", read_mapping),
)
SLIDER_FIELDS = (
    Field("name", read_text, required=True),
    Field("text", read_text, required=True),
    Field("opposite", read_text),
)
WORDS = ("title", "text")  # one of them has to be there


class Items(list[Item]):
    """Items in their order, and the report of how they were read."""

    def __init__(self, items: Sequence[Item], report: ReadReport) -> None:
        super().__init__(items)
        self.report = report

    @property
    def texts(self) -> dict[str, str]:
        """Id to text, as `score_batch` and `rank` take them."""
        return {item.item_id: item.text for item in self}


class LoadedSliders(SliderSet):
    """Sliders, and the report of how they were read."""

    def __init__(self, sliders: Mapping[str, Any], report: ReadReport) -> None:
        super().__init__(sliders)
        self.report = report


def load_items(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    on_error: str = "raise",
    delimiter: str = ",",
) -> Items:
    """Items with `id, title, text, metadata`; a text file has one a line, numbered by line.

    JSON is `{"items": [...]}`. An item without a text is read by its title; title and metadata
    become attributes.

    >>> load_items([{"id": 7, "title": "Ridge paths", "metadata": {"km": 21}}]).texts
    {'7': 'Ridge paths'}
    """
    shape = Shape(key="items", columns=columns or {}, delimiter=delimiter)
    name, opened = _open(source, shape, {".txt": _numbered})
    rows, report = _read(name, opened, ITEM_FIELDS, "id", on_error)
    return Items([_item(row) for row in rows], report)


def load_sliders(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    on_error: str = "raise",
    delimiter: str = ",",
) -> LoadedSliders:
    """Sliders with `name, text, opposite`; a text file has one a line, named by its own words.

    JSON is `{"sliders": {"trails": "long mountain trails", …}}`, where an object with `text` and
    `opposite` may stand for a text.
    """
    shape = Shape(key="sliders", columns=columns or {}, delimiter=delimiter)
    name, opened = _open(source, shape, {".txt": _named, ".json": _slider_objects})
    rows, report = _read(name, opened, SLIDER_FIELDS, "name", on_error)
    if not rows:
        raise BadInput(f"{name} must have at least one slider, found none")
    return LoadedSliders(
        {row["name"]: Slider(row["text"], row["opposite"]) for row in rows}, report
    )


@dataclass(frozen=True, slots=True)
class TextLines:
    """A text file with one text a line; `row` makes a row of the line's number and words."""

    path: Path
    row: Callable[[int, str], Mapping[str, str]]

    def blocks(self, fields: Sequence[Field], faults: Faults) -> Iterator[Rows]:
        """Blocks of rows; blank lines are passed over."""
        for block in line_blocks(self.path, faults):
            found = []
            for number, line in enumerate(block.lines(), block.first_line):
                if line.strip():
                    words = line.decode("utf-8", "surrogateescape").strip()
                    found.append((number, self.row(number, words)))
            yield Rows(
                [number for number, _ in found],
                {field.name: [row.get(field.name) for _, row in found] for field in fields},
            )


class Pairs(list[tuple[str, Any]]):
    """A JSON object with every key that was written, twins included."""


def _slider_objects(path: Path, shape: Shape) -> Objects:
    """The JSON of sliders as one object a slider."""
    try:
        found = json.loads(b"".join(byte_blocks(path)), object_pairs_hook=Pairs)
    except (ValueError, RecursionError, Torn) as error:
        raise BadInput(f"{path.name} must be JSON, got {error or 'a cut gzip stream'}") from None
    sliders = dict(found).get(shape.key) if isinstance(found, Pairs) else None
    if not isinstance(sliders, Pairs):
        raise BadInput(f"{path.name} must be {{{shape.key!r}: {{name: text}}}}, found none")
    rows = [
        {**dict(value), "name": name} if isinstance(value, Pairs) else {"name": name, "text": value}
        for name, value in sliders
    ]
    return Objects(rows, shape.columns)


def _numbered(path: Path, _shape: Shape) -> TextLines:
    return TextLines(path, lambda number, words: {"id": str(number), "text": words})


def _named(path: Path, _shape: Shape) -> TextLines:
    return TextLines(path, lambda _number, words: {"name": words, "text": words})


def _open(
    given: Any, shape: Shape, own: Mapping[str, Callable[[Path, Shape], Source]]
) -> tuple[str, Source]:
    """As `open_source`, with a few endings of one's own."""
    if isinstance(given, (str, Path)):
        path = require_file(given)
        return path.name, opener(path, {**FILES, **own})(shape)
    return open_source(given, shape)


def _read(
    name: str, source: Source, fields: Sequence[Field], key: str, on_error: str
) -> tuple[list[dict[str, Any]], ReadReport]:
    """All good rows as mappings, each key once."""
    require_on_error(on_error)
    report, keys = ReadReport(), Seen()
    faults = Faults(name, report)
    found: list[dict[str, Any]] = []
    for block in source.blocks(fields, faults):
        raw = block.rows() if isinstance(block, RawBlock) else block
        rows = keys.unique(read_rows(raw, fields, faults), key, faults)
        absent = [None] * len(rows.lines)
        columns = [rows.columns.get(field.name, absent) for field in fields]
        names = [field.name for field in fields]
        for line, row in zip(rows.lines, zip(*columns, strict=True), strict=True):
            one = dict(zip(names, row, strict=True))
            if any(one.get(name) is not None for name in WORDS):
                found.append(one)
            else:
                faults.note(line, "text", GIVEN, "")
        if report.count and on_error == "raise" and report.count >= FIRST:
            break
    if report.count and on_error == "raise":
        stop(report)
    report.kept = len(found)
    return found, report


def _item(row: Mapping[str, Any]) -> Item:
    title = {} if row["title"] is None else {"title": row["title"]}
    attributes = {**title, **(row["metadata"] or {})}
    return Item(item_id=row["id"], text=row["text"] or row["title"], attributes=attributes)
