"""Files that others will open: written whole or not at all, with cells that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from vibrator.errors import BadInput

FORMULA_STARTERS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> safe_cell("=1+1"), safe_cell(-2)
    ("'=1+1", -2)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTERS) else value


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to, moved there when all is written, else removed."""
    if not path.parent.is_dir():
        raise BadInput(f"{path} must lie in a folder that is there, got none at {path.parent}")
    if path.is_dir():
        raise BadInput(f"{path} must be a file, got a folder")
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
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
