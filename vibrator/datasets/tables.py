"""Tables that are no text: parquet, frames of pandas, polars or Arrow, and the rows of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vibrator.datasets.delimited import find_columns
from vibrator.datasets.fields import Field, Rows
from vibrator.datasets.parquet import parquet_or_refused
from vibrator.datasets.report import Faults
from vibrator.errors import BadInput
from vibrator.optional import need

BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the connection to ask: DB-API, or an engine or connection of SQLAlchemy.

    `statement` is SQL or, with SQLAlchemy, a select; `parameters` are passed on as they are.
    """

    statement: Any
    connection: Any
    parameters: Any = ()

    def __post_init__(self) -> None:
        if not hasattr(self.connection, "cursor") and not hasattr(self.connection, "dialect"):
            raise BadInput(f"connection must be DB-API or SQLAlchemy, got {self.connection!r}")

    def batches(self) -> Iterator[tuple[list[str], list[Sequence[Any]]]]:
        """Names of the columns, and rows, a batch at a time."""
        return _alchemy(self) if hasattr(self.connection, "dialect") else _dbapi(self)


@dataclass(frozen=True, slots=True)
class QueryTable:
    """The rows of a query, numbered from 1."""

    query: Query
    columns: Mapping[str, str]

    def blocks(self, fields: Sequence[Field], _faults: Faults) -> Iterator[Rows]:
        """Blocks of rows."""
        line = 1
        for header, rows in self.query.batches():
            places = find_columns("query", header, self.columns, fields)
            found = list(zip(*rows, strict=True))
            yield Rows(
                range(line, line + len(rows)), {name: found[at] for name, at in places.items()}
            )
            line += len(rows)


@dataclass(frozen=True, slots=True)
class PandasFrame:
    """A frame of pandas, rows numbered from 1."""

    frame: pd.DataFrame
    columns: Mapping[str, str]

    def blocks(self, fields: Sequence[Field], _faults: Faults) -> Iterator[Rows]:
        """Blocks of rows."""
        places = find_columns("frame", list(self.frame.columns), self.columns, fields)
        for start in range(0, len(self.frame), BATCH_ROWS):
            part = self.frame.iloc[start : start + BATCH_ROWS]
            found = {name: _values(part.iloc[:, at]) for name, at in places.items()}
            yield Rows(range(start + 1, start + 1 + len(part)), found)


@dataclass(frozen=True, slots=True)
class ArrowStream:
    """Anything that exports an Arrow stream (polars, pyarrow, DuckDB); rows numbered from 1."""

    source: Any
    columns: Mapping[str, str]

    def blocks(self, fields: Sequence[Field], _faults: Faults) -> Iterator[Rows]:
        """Blocks of rows."""
        arrow = need("pyarrow", extra="parquet")
        reader = arrow.RecordBatchReader.from_stream(self.source)
        return _of_batches("frame", reader, reader.schema.names, self.columns, fields)


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A parquet file, rows numbered from 1."""

    path: Path
    columns: Mapping[str, str]

    def blocks(self, fields: Sequence[Field], _faults: Faults) -> Iterator[Rows]:
        """Blocks of rows."""
        parquet = need("pyarrow.parquet", extra="parquet")
        with parquet_or_refused(self.path.name):
            file = parquet.ParquetFile(self.path)
            names = file.schema_arrow.names
            batches = file.iter_batches(BATCH_ROWS)
            yield from _of_batches(self.path.name, batches, names, self.columns, fields)


def _of_batches(
    source: str,
    batches: Any,
    header: Sequence[str],
    columns: Mapping[str, str],
    fields: Sequence[Field],
) -> Iterator[Rows]:
    places = find_columns(source, header, columns, fields)
    line = 1
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(start, BATCH_ROWS)
            found = {name: part.column(at).to_pylist() for name, at in places.items()}
            yield Rows(range(line, line + part.num_rows), found)
            line += part.num_rows


def _values(column: pd.Series) -> list[Any]:
    found: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return found


def _dbapi(query: Query) -> Iterator[tuple[list[str], list[Sequence[Any]]]]:
    cursor = query.connection.cursor()
    try:
        cursor.execute(query.statement, query.parameters)
        if cursor.description is None:
            raise BadInput(f"statement must give rows, got {query.statement!r}")
        names = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield names, rows
    finally:
        cursor.close()


def _alchemy(query: Query) -> Iterator[tuple[list[str], list[Sequence[Any]]]]:
    sqlalchemy = need("sqlalchemy", extra="sql")
    text = query.statement
    statement = sqlalchemy.text(text) if isinstance(text, str) else text
    if not hasattr(query.connection, "execute"):  # an engine: borrow a connection from it
        with query.connection.connect() as connection:
            yield from _alchemy(Query(statement, connection, query.parameters))
        return
    result = query.connection.execute(
        statement, query.parameters or None, execution_options={"stream_results": True}
    )
    names = list(result.keys())
    for rows in result.partitions(BATCH_ROWS):
        yield names, list(rows)
