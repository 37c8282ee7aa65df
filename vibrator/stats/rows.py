"""Results that print themselves: one frozen value, one row of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any


class Row:
    """Mixed into a frozen dataclass: `row()` is its flat mapping, `str()` its line.

    A field that is itself a Row is spread out under its own name.
    """

    __slots__ = ()

    def row(self) -> dict[str, Any]:
        """Field names to plain values, ready for a table, JSON or CSV."""
        flat: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Row):
                flat.update({f"{field.name}_{name}": part for name, part in value.row().items()})
            else:
                flat[field.name] = value
        return flat

    def __str__(self) -> str:
        return "  ".join(f"{name} {cell(value)}" for name, value in self.row().items())


def cell(value: Any) -> str:
    """A value as short as it can be read.

    >>> cell(0.123456789), cell(None), cell("welch")
    ('0.1235', '-', 'welch')
    """
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows: Iterable[Row | Mapping[str, Any]]) -> str:
    """Rows of one shape under one header, columns aligned."""
    flat = [row.row() if isinstance(row, Row) else dict(row) for row in rows]
    if not flat:
        return ""
    lines = [list(flat[0]), *([cell(value) for value in row.values()] for row in flat)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
