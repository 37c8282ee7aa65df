"""An index of faiss in a file: written whole, with what it was made from, refused when torn.

A line of JSON, the bytes as faiss writes them, and the SHA-256 of both.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from pathlib import Path
from typing import IO, Any

from vibrator.errors import ArtefactError
from vibrator.optional import need
from vibrator.writing import whole_file

FORMAT = 2  # 1 had lists of rows in half precision
DIGEST_BYTES = 32
READ_AT_ONCE = 1 << 20


class Digesting:
    """Writes through, and knows the digest of what went by."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Hand the bytes on."""
        self._hash.update(content)
        return self._file.write(content)

    def digest(self) -> bytes:
        """Of everything so far."""
        return self._hash.digest()


def write_index_file(path: Path, index: Any, facts: dict[str, Any]) -> None:
    """Write under a temporary name, to the disk itself, then put in place at once."""
    faiss = need("faiss", extra="faiss")
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):  # by a killed process
        left.unlink(missing_ok=True)
    with whole_file(path) as beside, beside.open("wb") as file:
        through = Digesting(file)
        through.write(json.dumps({"format": FORMAT, **facts}).encode() + b"\n")
        try:
            faiss.write_index(index, faiss.PyCallbackIOWriter(through.write))
        except RuntimeError as error:
            raise OSError(f"{path} cannot be written: {error}") from error
        file.write(through.digest())
        file.flush()
        os.fsync(file.fileno())


def read_index_file(path: Path) -> tuple[Any, dict[str, Any]]:
    """The index and what it was made from; a torn or altered file is refused."""
    faiss = need("faiss", extra="faiss")
    with path.open("rb") as file:
        _require_whole(path, file)
        facts = json.loads(file.readline())
        if facts.get("format") != FORMAT:
            raise ArtefactError(f"{path} has format {facts.get('format')}, known is {FORMAT}")
        return faiss.read_index(faiss.PyCallbackIOReader(file.read)), facts


def _require_whole(path: Path, file: IO[bytes]) -> None:
    """Before faiss reads a byte: it takes lengths as they stand."""
    left = path.stat().st_size - DIGEST_BYTES
    told = hashlib.sha256()
    while left > 0 and (part := file.read(min(left, READ_AT_ONCE))):
        told.update(part)
        left -= len(part)
    if file.read(DIGEST_BYTES) != told.digest():
        raise ArtefactError(f"{path} is torn or was altered: its checksum is another")
    file.seek(0)
