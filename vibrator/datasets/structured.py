"""JSON and JSON Lines, an object at a time, in bounded memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vibrator.datasets.delimited import require_known
from vibrator.datasets.fields import Field, Rows
from vibrator.datasets.files import Torn, byte_blocks, line_blocks
from vibrator.datasets.report import TORN, Faults
from vibrator.errors import BadInput

BLOCK_ROWS = 50_000
LARGEST_OBJECT = 8 << 20  # letters
STEP = 1 << 20  # bytes decoded at a time; an object cut by a step is read twice
OBJECT = "must be a JSON object"
DECODER = json.JSONDecoder()
SPACE = " \t\r\n"

Numbered = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class JsonFile:
    """`{key: [...]}`, or a bare list; `columns` maps our names to those of the objects."""

    path: Path
    columns: Mapping[str, str]
    key: str

    def blocks(self, fields: Sequence[Field], faults: Faults) -> Iterator[Rows]:
        """Blocks of rows."""
        require_known(self.columns, fields)
        elements = _elements(_Window(self.path, faults), self.key)
        return as_rows(elements, self.columns, fields, faults)


@dataclass(frozen=True, slots=True)
class JsonLinesFile:
    """One object a line."""

    path: Path
    columns: Mapping[str, str]

    def blocks(self, fields: Sequence[Field], faults: Faults) -> Iterator[Rows]:
        """Blocks of rows."""
        require_known(self.columns, fields)
        return as_rows(self._objects(faults), self.columns, fields, faults)

    def _objects(self, faults: Faults) -> Iterator[Numbered]:
        for block in line_blocks(self.path, faults):
            lines = block.lines()
            for number, line in enumerate(lines, block.first_line):
                last = not block.ended and number == block.first_line + len(lines) - 1
                if line.strip():
                    try:
                        yield number, json.loads(line)
                    except (ValueError, RecursionError):
                        shown = line.decode("utf-8", "replace").strip()
                        faults.note(number, "line", TORN if last else OBJECT, shown)


def as_rows(
    objects: Iterable[Numbered],
    columns: Mapping[str, str],
    fields: Sequence[Field],
    faults: Faults,
) -> Iterator[Rows]:
    """Objects as blocks of columns; what is no object is noted."""
    wanted = {field.name: columns.get(field.name, field.name) for field in fields}
    listed = iter(objects)
    while block := list(islice(listed, BLOCK_ROWS)):
        good = []
        for line, found in block:
            if isinstance(found, Mapping):
                good.append((line, found))
            else:
                faults.note(line, "line", OBJECT, found)
        yield Rows(
            [line for line, _ in good],
            {ours: [one.get(theirs) for _, one in good] for ours, theirs in wanted.items()},
        )


class _Window:
    """The part of a text that is being looked at, which moves on as values are taken."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.text, self.at, self.line = "", 0, 1
        self._steps = self._decoded()

    def peek(self) -> str:
        """The next letter that is no space, or nothing at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in SPACE:
                    return self.text[self.at]
                self.at += 1
            if not self._more():
                return ""

    def take(self, letter: str) -> bool:
        """Step over this letter, if it is the next."""
        found = self.peek() == letter
        self.at += found
        return found

    def value(self) -> Any:
        """The JSON value that starts here; ValueError if none does."""
        self.peek()
        while True:
            try:
                found, end = DECODER.raw_decode(self.text, self.at)
                if end < len(self.text) or not self._more():
                    self.at = end
                    return found
            except RecursionError:
                raise ValueError("nested too deeply") from None
            except ValueError:
                if len(self.text) - self.at > LARGEST_OBJECT or not self._more():
                    raise

    def place(self) -> int:
        """The line that is being looked at."""
        self.peek()
        return self.line + self.text.count("\n", 0, self.at)

    def shown(self) -> str:
        """What stands here."""
        return self.text[self.at : self.at + 40]

    def _more(self) -> bool:
        step = next(self._steps, None)
        if step is None:
            return False
        self.line += self.text.count("\n", 0, self.at)
        self.text, self.at = self.text[self.at :] + step, 0
        return True

    def _decoded(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for block in byte_blocks(self.path):
                for start in range(0, len(block), STEP):
                    yield decoder.decode(block[start : start + STEP])
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.path.name} must be UTF-8, got {error}") from None
        except Torn:
            return  # the array does not end, which is noted there


def _elements(window: _Window, key: str) -> Iterator[Numbered]:
    """The elements of the array, numbered by line."""
    if not _enter(window, key):
        raise BadInput(f"{window.path.name} must be {{{key!r}: [...]}} or a list, found neither")
    if window.take("]"):
        return
    while True:
        line = window.place()
        try:
            found = window.value()
        except ValueError:
            torn = len(window.text) - window.at <= LARGEST_OBJECT
            rule = TORN if torn else f"an object must be JSON of at most {LARGEST_OBJECT:,} letters"
            window.faults.note(line, "line", rule, window.shown())
            return
        yield line, found
        if not window.take(","):
            break
    if not window.take("]"):
        window.faults.note(window.place(), "line", TORN, window.shown())


def _enter(window: _Window, key: str) -> bool:
    """Step into the array; keys before it are passed over."""
    if window.take("["):
        return True
    try:
        while window.take("{") or window.take(","):
            name = window.value()
            if not window.take(":"):
                return False
            if name == key:
                return window.take("[")
            window.value()
    except ValueError:
        return False
    return False
