"""Bytes of a plain or gzipped file in blocks of whole lines, in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vibrator.datasets.report import TORN, Faults
from vibrator.errors import BadInput

BLOCK_BYTES = 4 << 20  # read at a time: few enough to stay in the processor's cache
FIRST_BYTES = 512 << 10  # somebody waits for them; then twice as many, up to BLOCK_BYTES
LONGEST_LINE = 8 << 20  # bytes
LARGEST_RATIO = 200  # logs pack 5 to 30 times; deflate cannot exceed 1032
RATIO_COUNTS_FROM = 64 << 20  # unpacked bytes below which a high ratio does no harm
COUNTED_AT_ONCE = 256 << 10  # bytes that are looked through for line ends
LINE_FEED = 0x0A
UTF8_BOM = b"\xef\xbb\xbf"
OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
FARTHEST_BACK = 10_000  # line ends tried for one that lies outside quotes


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines, the number of the first, and whether the last one is ended.

    `quotes` says whether there are any, if the reader asked for blocks that end outside of them.
    """

    data: bytes
    first_line: int
    ended: bool
    quotes: bool

    def lines(self) -> list[bytes]:
        """The lines with their ends."""
        return BytesIO(self.data).readlines()


def require_file(path: str | Path) -> Path:
    """The path of a file that is there."""
    found = Path(path)
    if not found.is_file():
        raise BadInput(f"{str(path)!r} is no file")
    return found


class Torn(Exception):
    """The file ends in the middle of what it holds."""


def byte_blocks(path: Path) -> Iterator[bytes]:
    """Blocks of a file, unpacked if its name ends in .gz, without a byte order mark.

    A gzip stream that was cut gives what there is of it, then raises Torn.
    """
    return map(bytes, _passing_blocks(path))


def _passing_blocks(path: Path) -> Iterator[bytearray]:
    """The same, each good until the next is asked for, which is read into the same room."""
    room, unpacked, torn = bytearray(min(FIRST_BYTES, BLOCK_BYTES)), 0, False
    with path.open("rb") as raw:
        file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        while not torn:
            size, torn = _filled(room, file, path)
            if not size:
                break
            block = room if size == len(room) else room[:size]
            if not unpacked and block.startswith(OTHER_BOMS):
                raise BadInput(f"{path.name} must be UTF-8, got a byte order mark of UTF-16")
            yield block if unpacked else block.removeprefix(UTF8_BOM)
            unpacked += size
            _require_ratio(path, unpacked, raw.tell())
            if size == len(room) < BLOCK_BYTES:
                room = bytearray(min(2 * len(room), BLOCK_BYTES))
    if torn:
        raise Torn


def _filled(room: bytearray, file: Any, path: Path) -> tuple[int, bool]:
    """How many bytes were read, all there is room for but at the end, and whether they are torn."""
    size, view = 0, memoryview(room)
    try:
        while size < len(room) and (more := file.readinto1(view[size:])):
            size += more  # a packed file gives little at a time, so that a cut loses little
    except (EOFError, zlib.error):
        return size, True
    except gzip.BadGzipFile as error:
        raise BadInput(f"{path.name} must be a gzip file, got {error}") from None
    return size, False


def _require_ratio(path: Path, unpacked: int, packed: int) -> None:
    if unpacked > RATIO_COUNTS_FROM and unpacked > LARGEST_RATIO * packed:
        raise BadInput(
            f"{path.name} must not unpack to more than {LARGEST_RATIO} times its size, "
            f"got {unpacked:,} bytes out of {packed:,}"
        )


def line_blocks(path: Path, faults: Faults, *, quoted: bool = False) -> Iterator[LineBlock]:
    """Blocks that end with a line; with `quoted`, where possible, outside of quotes."""
    rest, line, dropping = b"", 1, False
    blocks = _passing_blocks(path)
    while (block := _next(blocks, line, faults)) is not None:
        if dropping:  # and nothing is left of earlier blocks
            end = block.find(b"\n") + 1
            line, dropping, block = line + bool(end), not end, block[end:] if end else bytearray()
        quotes = quoted and (b'"' in block or b'"' in rest)
        whole, rest = _parted(rest, block, quotes=quotes)
        if whole:
            yield LineBlock(whole, line, ended=True, quotes=quotes)
            line += _line_ends(whole)
        elif len(rest) >= LONGEST_LINE:
            rule = f"a line must not exceed {LONGEST_LINE:,} bytes"
            faults.note(line, "line", rule, rest[:40].decode("utf-8", "replace"))
            dropping, rest = True, b""
    if rest:
        yield LineBlock(rest, line, ended=False, quotes=quoted and b'"' in rest)


def _next(blocks: Iterator[bytearray], line: int, faults: Faults) -> bytearray | None:
    try:
        return next(blocks, None)
    except Torn:
        faults.note(line, "line", TORN, "a cut gzip stream")
        return None


def _line_ends(data: bytes) -> int:
    """As `data.count`, many times as fast for what is frequent."""
    numbers = np.frombuffer(data, dtype=np.uint8)
    parts = (numbers[at : at + COUNTED_AT_ONCE] for at in range(0, len(data), COUNTED_AT_ONCE))
    return sum(int(np.count_nonzero(part == LINE_FEED)) for part in parts)


def _parted(rest: bytes, block: bytearray, *, quotes: bool) -> tuple[bytes, bytes]:
    """The whole lines of the two, and what is left over."""
    if quotes:
        both = rest + block
        cut = _cut(both)
        return both[:cut], both[cut:]
    cut = block.rfind(b"\n") + 1  # in what is left over there is none
    if not cut:
        return b"", rest + block
    return b"".join((rest, memoryview(block)[:cut])), bytes(block[cut:])


def _cut(data: bytes) -> int:
    """The end of the last line that lies outside of quotes; else of the last line."""
    last = cut = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, cut)
    for _ in range(FARTHEST_BACK):
        if quotes % 2 == 0 or not cut:
            break
        before = data.rfind(b"\n", 0, cut - 1) + 1
        quotes -= data.count(b'"', before, cut)
        cut = before
    return cut if cut and quotes % 2 == 0 else last
