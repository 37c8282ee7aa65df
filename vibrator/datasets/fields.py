"""Columns of raw values into checked columns, every fault noted with its line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from vibrator.datasets.report import Faults

GIVEN = "must be given"
WORDS = "must be a text with words in it"
NUMBER = "must be a finite number"


class Fault(ValueError):
    """A value that breaks a rule; its message is the rule."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of ours: how a value is read, and a quick way for a column without faults.

    `read_all` may raise a ValueError or TypeError: then each value is looked at by itself.
    """

    name: str
    read: Callable[[Any], Any]
    read_all: Callable[[Sequence[Any]], list[Any]] | None = None
    required: bool = False
    unique: bool = False


class Rows(NamedTuple):
    """A block as it was found: the line of each row, and raw values under our names."""

    lines: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


Column = Sequence[Any]


def read_rows(rows: Rows, fields: Sequence[Field], faults: Faults) -> Rows:
    """The rows whose fields are all good, read."""
    good = np.ones(len(rows.lines), dtype=bool)
    found = {
        field.name: _column(field, rows, good, faults)
        for field in fields
        if field.name in rows.columns
    }
    if good.all():
        return Rows(rows.lines, found)
    keep = np.flatnonzero(good).tolist()
    kept = {name: [column[place] for place in keep] for name, column in found.items()}
    return Rows([rows.lines[place] for place in keep], kept)


def _column(field: Field, rows: Rows, good: Any, faults: Faults) -> Column:
    values = rows.columns[field.name]
    if field.read_all is not None:
        try:
            return field.read_all(values)
        except (ValueError, TypeError, AttributeError):
            pass  # some value is absent or wrong: find out which
    return [_value(field, rows, place, good, faults) for place in range(len(values))]


def _value(field: Field, rows: Rows, place: int, good: Any, faults: Faults) -> Any:
    value = rows.columns[field.name][place]
    absent = value is None or value == ""
    if absent and not field.required:
        return None
    try:
        return _given(value) if absent else field.read(value)
    except Fault as fault:
        good[place] = False
        faults.note(rows.lines[place], field.name, str(fault), value)
        return None


def _given(_value: Any) -> Any:
    raise Fault(GIVEN)


def read_text(value: Any) -> str:
    """A text with words in it, in valid Unicode."""
    if not isinstance(value, str) or not value.strip():
        raise Fault(WORDS)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Fault("must be valid Unicode") from None
    return value


def read_texts(values: Sequence[Any]) -> list[str]:
    """A column of such texts at once."""
    "".join(values).encode()  # a TypeError or UnicodeEncodeError if any is no sound text
    if not all(values) or any(map(str.isspace, values)):
        raise Fault(WORDS)
    return list(values)


def read_id(value: Any) -> str:
    """A text, or a whole number written as one."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return str(value) if whole else read_text(value)


def read_number(value: Any) -> float:
    """A finite number, or a text that says one."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise Fault(NUMBER)
    try:
        number = float(value)
    except (ValueError, TypeError):
        raise Fault(NUMBER) from None
    if not math.isfinite(number):
        raise Fault(NUMBER)
    return number


def read_numbers(values: Sequence[Any]) -> list[float]:
    """A column of finite numbers at once, written as texts."""
    if not set(map(type, values)) <= {str, float, int}:
        raise Fault(NUMBER)
    if any(isinstance(value, str) and "_" in value for value in values):
        raise Fault(NUMBER)  # Python would read 1_000
    numbers = list(map(float, values))
    if not np.isfinite(numbers).all():
        raise Fault(NUMBER)
    return numbers


def read_mapping(value: Any) -> dict[str, Any]:
    """A mapping with texts as keys, its JSON, or its pairs (as parquet gives maps)."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Fault("must be a JSON object") from None
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        value = dict(value)
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise Fault("must be a JSON object")
    return dict(value)
