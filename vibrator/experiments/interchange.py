"""Ledgers in and out: JSON Lines, and the published JSON array, torn files included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibrator.errors import BadInput, BadRows
from vibrator.experiments.ledger import Ledger, Record
from vibrator.stats.rows import Row


@dataclass(frozen=True, slots=True)
class Rejected(Row):
    """An entry that is not a record: its place (line, in JSON Lines), counted from 1, and why."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport(Row):
    """What came in, what was refused, and the byte at which a torn file ends, if it is torn."""

    imported: int
    rejected: tuple[Rejected, ...] = ()
    torn_at: int | None = None


def export_jsonl(ledger: Ledger, path: str | Path) -> int:
    """One record a line, in the published shape; how many."""
    count = 0
    with Path(path).open("w", encoding="utf-8") as stream:
        for count, record in enumerate(ledger.read(), start=1):  # noqa: B007  # the count is the answer
            stream.write(json.dumps(record.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")
    return count


def import_jsonl(ledger: Ledger, path: str | Path, *, keep_good: bool = False) -> ImportReport:
    """Append the lines of a JSON Lines file; see `import_json` for what happens to bad ones.

    A last line without its end is a tear; any other line that is no JSON is a bad entry.
    """
    return _import(ledger, _lines(Path(path).read_bytes()), keep_good=keep_good)


def import_json(ledger: Ledger, path: str | Path, *, keep_good: bool = False) -> ImportReport:
    """Append a ledger of the published shape: a JSON array of records.

    A torn file comes in up to the tear, and the report says where that is. Entries that are not
    records are refused all together with a report, unless `keep_good` lets the others in.
    """
    data = Path(path).read_bytes()
    if not data.lstrip().startswith(b"["):
        raise BadInput(f"{path} is not a JSON array: a published ledger begins with '['")
    return _import(ledger, enumerate(_entries(data), start=1), keep_good=keep_good)


@dataclass(frozen=True, slots=True)
class _Tear:
    at: int


Entries = Iterator[tuple[int, Any]]  # place and value, or a _Tear at the end


def _import(ledger: Ledger, entries: Entries, *, keep_good: bool) -> ImportReport:
    good: list[Record] = []
    rejected: list[Rejected] = []
    torn_at = None
    for place, entry in entries:
        if isinstance(entry, _Tear):
            torn_at = entry.at
            break
        if isinstance(entry, (ValueError, RecursionError)):
            rejected.append(Rejected(place, f"no JSON in UTF-8: {entry}"))
            continue
        try:
            good.append(Record.from_dict(entry))
        except BadInput as error:
            rejected.append(Rejected(place, str(error)))
    if rejected and not keep_good:
        first = rejected[0]
        report = ImportReport(0, tuple(rejected), torn_at)
        raise BadRows(
            f"{len(rejected)} entries are not records, the first at {first.place}: {first.reason}",
            report,
        )
    return ImportReport(ledger.extend(good), tuple(rejected), torn_at)


def _entries(data: bytes) -> Iterator[Any]:
    """The values of a JSON array one by one, then a tear if it does not end well."""
    text, decoder = _readable(data), json.JSONDecoder(parse_constant=_refuse_constant)
    at = text.index("[") + 1
    while True:
        at = _skip(text, at, " \t\r\n")
        if text[at : at + 1] == "]":
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield _Tear(len(text[:at].encode()))
            return
        after = _skip(text, end, " \t\r\n")
        if text[after : after + 1] not in (",", "]"):
            # The value may be whole, but a number cut in two would look whole too.
            if isinstance(value, dict):
                yield value
            yield _Tear(len(text[:end].encode()))
            return
        yield value
        at = after + (text[after] == ",")
    if text[at + 1 :].strip():
        yield _Tear(len(text[: at + 1].encode()))


def _lines(data: bytes) -> Entries:
    """The value of every line that is not empty; an error where it is no JSON."""
    at = 0
    lines = data.split(b"\n")  # splitlines would cut at U+2028 inside a text, too
    for place, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield place, json.loads(line.decode(), parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                yield place, _Tear(at) if place == len(lines) else error
        at += len(line) + 1


def _readable(data: bytes) -> str:
    """The text up to the first byte that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return data[: error.start].decode()


def _skip(text: str, at: int, blanks: str) -> int:
    while text[at : at + 1] and text[at] in blanks:
        at += 1
    return at


def _refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON; what was not measured is null."""
    return {"not a number": name}
