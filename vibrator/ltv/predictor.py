"""Serving: a saved model asked row by row, frame by frame, or folder by folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vibrator.datasets.parquet import parquet_or_refused
from vibrator.errors import BadInput
from vibrator.ltv.artefact import MANIFEST, load, read_manifest
from vibrator.ltv.config import Columns
from vibrator.ltv.forest import BLOCK
from vibrator.ltv.frames import list_partitions, read_csv, read_frame
from vibrator.ltv.plain import from_plain
from vibrator.optional import need
from vibrator.vectors import blocks

if TYPE_CHECKING:
    from vibrator.ltv.model import LtvModel

JOB = "job.json"  # whose predictions a folder holds
BATCH = 100_000  # rows of a file that are in memory at once


class FastPredictor:
    """Loads once, answers often: `FastPredictor(folder).predict(frame)`.

    A row of the answer belongs to the row of the frame at the same place.
    """

    def __init__(self, folder: str | Path, *, threads: int = 1) -> None:
        self.model: LtvModel = load(folder)
        self.manifest = read_manifest(folder)
        self.fingerprint = sha256(repr(self.manifest.checksums).encode()).hexdigest()
        columns = from_plain(Columns, self.manifest.config.get("columns"), at=f"{MANIFEST} columns")
        self.user, self.time = columns.user, columns.time
        self.threads = threads

    def predict(self, rows: pd.DataFrame | Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Chance, value with its interval, typical value and bid, for every horizon."""
        frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
        if frame.empty:
            raise BadInput("there are no rows to predict")
        if len(frame) <= BLOCK:
            return self.model.table(frame)
        parts = [frame.iloc[rows] for rows in blocks(len(frame), BLOCK)]
        with ThreadPoolExecutor(self.threads) as pool:
            return pd.concat(pool.map(self.model.table, parts), ignore_index=True)

    def what_if(self, row: Mapping[str, Any], changes: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One person as is, with each change alone, and with all of them together."""
        if stray := sorted(set(changes) - set(row)):
            raise BadInput(f"what-if changes columns that the row does not have: {stray}")
        named = {"as is": {}, **{f"{k} = {v}": {k: v} for k, v in changes.items()}}
        if len(changes) > 1:
            named["all together"] = dict(changes)
        answers = self.predict([{**row, **change} for change in named.values()])
        return [
            {"change": name, **answer}
            for name, answer in zip(named, answers.to_dict("records"), strict=True)
        ]

    def predict_file(self, source: str | Path, target: str | Path) -> int:
        """Score a file or a parquet folder piece by piece; returns the number of rows.

        A `.csv` or `.parquet` target is one file, anything else a folder with one file a piece.
        In a folder finished pieces are kept, so a run that was stopped goes on where it was; pieces
        of another model or of other rows are refused.
        """
        target = Path(target)
        if target.resolve().is_relative_to(Path(source).resolve()):
            raise BadInput(f"predictions must not be written into their own source {source}")
        if target.suffix in (".csv", ".parquet"):
            return self._into_file(source, target)
        self._claim(source, target)
        rows = 0
        for name, read in self._pieces(source):
            done = target / f"{name}.parquet"
            if not done.exists():
                answer = self._beside_user(read())
                draft = done.with_suffix(".part")
                answer.to_parquet(draft, index=False)
                draft.rename(done)
            rows += int(need("pyarrow.parquet", extra="ltv").read_metadata(done).num_rows)
        return rows

    def _claim(self, source: str | Path, target: Path) -> None:
        """Make the folder this job's own, or find that it is."""
        job = {"model": self.fingerprint, "source": _listing(Path(source))}
        paper = target / JOB
        if not paper.exists():
            if target.exists() and any(target.iterdir()):
                raise BadInput(f"{target} holds something else than predictions; name another")
            target.mkdir(parents=True, exist_ok=True)
            paper.write_text(json.dumps(job), encoding="utf-8")
        for name, found in json.loads(paper.read_text(encoding="utf-8")).items():
            if found != job.get(name):
                raise BadInput(f"{target} holds predictions of another {name}; name another folder")

    def _into_file(self, source: str | Path, target: Path) -> int:
        draft = target.with_name(f"{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        write = _write_csv if target.suffix == ".csv" else _write_parquet
        try:
            rows = write((self._beside_user(read()) for _, read in self._pieces(source)), draft)
            if not rows:
                raise BadInput(f"{source} holds no rows to predict")
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
        return rows

    def _beside_user(self, frame: pd.DataFrame) -> pd.DataFrame:
        answer = self.predict(frame)
        if self.user in frame:
            answer.insert(0, self.user, frame[self.user].to_numpy())
        return answer

    def _pieces(self, source: str | Path) -> Iterator[tuple[str, Any]]:
        """Names of pieces of bounded size, and what reads each."""
        path = Path(source)
        if path.is_dir():
            for place, part in enumerate(list_partitions(path)):
                for at, batch in enumerate(_parquet_batches(part.files, self.time, part.at)):
                    yield f"{place:05d}-{at:03d}", batch
        elif path.suffix == ".parquet":
            for at, batch in enumerate(_parquet_batches((path,), self.time, None)):
                yield f"00000-{at:03d}", batch
        elif path.suffix == ".csv" and path.exists():
            for at, chunk in enumerate(read_csv(path, chunksize=BATCH)):
                yield f"00000-{at:03d}", lambda chunk=chunk: chunk
        else:
            read_frame(path)  # refuses with the reason


def _listing(source: Path) -> list[list[Any]]:
    """The files that are read, with their sizes: enough to tell other rows from these."""
    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    return [[str(f.relative_to(source)), f.stat().st_size] for f in files if f.exists()]


def _parquet_batches(files: Sequence[Path], time: str, at: pd.Timestamp | None) -> Iterator[Any]:
    arrow = need("pyarrow", extra="ltv")
    for file in files:
        for batch in _batches(file):

            def read(batch: Any = batch) -> pd.DataFrame:
                frame = read_frame(arrow.Table.from_batches([batch]))
                if at is not None and time not in frame:
                    frame[time] = at
                return frame

            yield read


def _batches(file: Path) -> Iterator[Any]:
    with parquet_or_refused(file):
        found = need("pyarrow.parquet", extra="ltv").ParquetFile(file).iter_batches(BATCH)
    while True:
        with parquet_or_refused(file):
            batch = next(found, None)
        if batch is None:
            return
        yield batch


def _write_csv(answers: Iterator[pd.DataFrame], path: Path) -> int:
    rows = 0
    for answer in answers:
        answer.to_csv(path, mode="a" if rows else "w", header=not rows, index=False)
        rows += len(answer)
    return rows


def _write_parquet(answers: Iterator[pd.DataFrame], path: Path) -> int:
    arrow, parquet = need("pyarrow", extra="ltv"), need("pyarrow.parquet", extra="ltv")
    writer, rows = None, 0
    try:
        for answer in answers:
            table = arrow.Table.from_pandas(answer, preserve_index=False)
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            rows += len(answer)
    finally:
        if writer is not None:
            writer.close()
    return rows
