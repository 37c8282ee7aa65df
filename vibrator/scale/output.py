"""A folder of parquet parts, each committed exactly once, and the list of those that are."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd

from vibrator.checks import read_or_refused
from vibrator.errors import ArtefactError, BadInput, StoreBusy
from vibrator.optional import need

MANIFEST = "_manifest.jsonl"  # first line: the job; then a line a part


@dataclass(frozen=True, slots=True)
class Part:
    """One committed file: its name, rows and checksum."""

    name: str
    rows: int
    sha256: str


def write_part(folder: str, name: str, frame: pd.DataFrame) -> Part:
    """Write a part under a temporary name and move it into place: there whole, or not at all.

    The same rows give the same bytes, so a part that two workers made is the same part.
    """
    arrow, parquet = need("pyarrow", extra="scale"), need("pyarrow.parquet", extra="scale")
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    target = Path(folder) / name
    beside = target.with_name(f".{name}.{uuid4().hex}")
    try:
        parquet.write_table(table, beside, compression="zstd")
        digest = sha256(beside)
        _to_disk(beside)
        beside.replace(target)
        _to_disk(target.parent)
    finally:
        beside.unlink(missing_ok=True)
    return Part(name, len(frame), digest)


class Output:
    """An output folder while one coordinator works on it; what is finished stays finished.

    The manifest names the job. A folder of another job is refused; one of this job is resumed.
    """

    def __init__(self, folder: str | Path, job: Mapping[str, Any]) -> None:
        if "://" in str(folder):
            raise BadInput(f"output must be a folder that all workers share, got {folder}")
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._job = json.dumps(job, sort_keys=True, default=str)
        self._file = (self.folder / MANIFEST).open("a+b")
        self.parts: dict[str, Part] = {}
        try:
            self._lock()
            self._resume()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def record(self, part: Part) -> None:
        """Note a part as finished; on return the note is safe."""
        self._append(asdict(part))
        self.parts[part.name] = part

    @property
    def checksum(self) -> str:
        """One checksum of all parts, by name."""
        lines = [f"{name} {self.parts[name].sha256}\n" for name in sorted(self.parts)]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusy(f"another run is writing to {self.folder}") from None

    def _resume(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(whole))  # a line cut off by a kill was never promised
        with read_or_refused(self.folder / MANIFEST, ArtefactError):
            head, *lines = whole.decode("utf-8").splitlines() or [""]
        if not head:
            if stray := sorted(self.folder.glob("*.parquet")):
                raise BadInput(f"{self.folder} holds {stray[0].name} of something else")
            self._append(json.loads(self._job))
        elif head != self._job:
            raise BadInput(
                f"{self.folder} holds the output of another job (other inputs, sliders, encoder or "
                "time): name a new folder"
            )
        for line in lines:
            self._take(line)

    def _take(self, line: str) -> None:
        try:
            part = Part(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ArtefactError(f"{self.folder / MANIFEST} is damaged: {error}") from None
        path = self.folder / part.name
        if not path.is_file() or sha256(path) != part.sha256:
            raise ArtefactError(f"{path} is not the file that was finished: remove the folder")
        self.parts[part.name] = part

    def _append(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
