"""A filter over attributes, in SQLite's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vibrator.stores.ports import matches
from vibrator.stores.sqlite.database import marks

KINDS = {
    bool: "'true', 'false'",
    str: "'text'",
    int: "'integer', 'real'",
    float: "'integer', 'real'",
}
LARGEST = 2**63  # of SQLite's own integers; beyond, JSON's are kept as reals


def conditions(where: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """Conditions on `attributes`, all of which have to hold, and their values.

    >>> conditions({"minutes": {"<": 30}})[1]
    ['$."minutes"', 30, '$."minutes"']
    """
    sql: list[str] = []
    values: list[Any] = []
    for name, operator, value in matches(where):
        either = []
        for kinds, alike in _by_kind(value if operator == "in" else [value]).items():
            compared = f"IN ({marks(len(alike))})" if operator == "in" else f"{operator} ?"
            words, given = _comparison(name, compared, kinds, alike)
            either.append(words)
            values += given
        sql.append(f"({' OR '.join(either) or '0'})")
    return sql, values


def _by_kind(values: Sequence[Any]) -> dict[str, list[Any]]:
    # A text is never a number, and true is not 1: SQLite alone would compare them all.
    found: dict[str, list[Any]] = {}
    for value in values:
        large = type(value) is int and abs(value) >= LARGEST
        found.setdefault(KINDS[type(value)], []).append(float(value) if large else value)
    return found


def _comparison(name: str, compared: str, kinds: str, values: list[Any]) -> tuple[str, list[Any]]:
    if '"' in name or "\\" in name:  # which a path cannot spell
        some = f"SELECT 1 FROM json_each(attributes) WHERE key = ? AND value {compared}"  # noqa: S608 - fixed names
        return f"EXISTS ({some} AND type IN ({kinds}))", [name, *values]
    path = f'$."{name}"'
    words = f"json_extract(attributes, ?) {compared} AND json_type(attributes, ?) IN ({kinds})"
    return f"({words})", [path, *values, path]
