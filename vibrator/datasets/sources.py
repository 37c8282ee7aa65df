"""What can be read: files by their ending, frames by what they can do, queries as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from vibrator.datasets.delimited import DelimitedFile
from vibrator.datasets.fields import Field
from vibrator.datasets.files import require_file
from vibrator.datasets.report import Faults
from vibrator.datasets.structured import JsonFile, JsonLinesFile, as_rows
from vibrator.datasets.tables import ArrowStream, PandasFrame, ParquetFile, Query, QueryTable
from vibrator.errors import BadInput


class Source(Protocol):
    """Gives blocks that have raw rows, in order."""

    def blocks(self, fields: Sequence[Field], faults: Faults) -> Iterator[Any]:
        """Blocks of at most some ten thousand rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a source is laid out: the key of its JSON, its delimiter, what its columns are called."""

    key: str
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n' or not self.delimiter.isascii():
            raise BadInput(f"delimiter must be one letter, got {self.delimiter!r}")
        if not isinstance(self.columns, Mapping):
            raise BadInput(f"columns must map our names to yours, got {self.columns!r}")


@dataclass(frozen=True, slots=True)
class Objects:
    """A list of mappings that is in memory already, numbered from 1."""

    objects: Sequence[Any]
    columns: Mapping[str, str]

    def blocks(self, fields: Sequence[Field], faults: Faults) -> Iterator[Any]:
        """Blocks of rows."""
        return as_rows(enumerate(self.objects, 1), self.columns, fields, faults)


FILES: dict[str, Callable[[Path, Shape], Source]] = {
    ".csv": lambda path, shape: DelimitedFile(path, shape.columns, shape.delimiter),
    ".tsv": lambda path, shape: DelimitedFile(path, shape.columns, "\t"),
    ".json": lambda path, shape: JsonFile(path, shape.columns, shape.key),
    ".jsonl": lambda path, shape: JsonLinesFile(path, shape.columns),
    ".ndjson": lambda path, shape: JsonLinesFile(path, shape.columns),
    ".parquet": lambda path, shape: ParquetFile(path, shape.columns),
}
MEMORY: tuple[tuple[Callable[[Any], bool], Callable[[Any, Shape], Source]], ...] = (
    (lambda given: isinstance(given, Query), lambda q, shape: QueryTable(q, shape.columns)),
    (
        lambda given: isinstance(given, pd.DataFrame),
        lambda frame, shape: PandasFrame(frame, shape.columns),
    ),
    (
        lambda given: hasattr(given, "__arrow_c_stream__"),
        lambda stream, shape: ArrowStream(stream, shape.columns),
    ),
    (
        lambda given: isinstance(given, list),
        lambda objects, shape: Objects(objects, shape.columns),
    ),
)


def open_source(given: Any, shape: Shape) -> tuple[str, Source]:
    """The source and the name it goes by in a report."""
    if isinstance(given, (str, Path)):
        path = require_file(given)
        return path.name, opener(path, FILES)(shape)
    for fits, opened in MEMORY:
        if fits(given):
            return type(given).__name__, opened(given, shape)
    raise BadInput(f"a source must be a path, a frame, a Query or a list, got {given!r:.80}")


def opener(path: Path, files: Mapping[str, Callable[[Path, Shape], Source]]) -> Callable[..., Any]:
    """What opens a file of this ending."""
    ending = Path(path.name.removesuffix(".gz")).suffix.lower()
    if ending not in files:
        raise BadInput(f"{path.name} must end in one of {sorted(files)} (or .gz after it)")
    return partial(files[ending], path)
