"""A vector cache in one SQLite file: bounded, shared by threads and processes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from vibrator.checks import require_count, require_path, require_positive
from vibrator.encoders.cached import KEY_BYTES, widened
from vibrator.errors import ArtefactError, BadInput, StoreBusy, StoreError

Vectors = NDArray[np.float32]

APPLICATION_ID = 0x56424331  # "VBC1": this file is ours, in this layout
TOUCHED_BEFORE_FLUSH = 20_000
EVICTED_SHARE = 0.1  # of the capacity, at once: evicting one by one would write at every put
COUNTED_SHARE = 0.01  # of the capacity, put between two counts: how far it may be overshot
MAPPED_BYTES = 2**30  # of the file read as memory, which halves the time of a read

SCHEMA = f"""
    PRAGMA application_id = {APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS vectors (
        id INTEGER PRIMARY KEY, twin INTEGER NOT NULL, vector BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS recency (id INTEGER PRIMARY KEY, used INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS recency_used ON recency (used);
"""
# A row for each, in their order; one that was not in it would read as a miss, by its twin.
READ = "SELECT twin, vector FROM json_each(?) LEFT JOIN vectors ON vectors.id = value"


class SQLiteVectorCache:
    """Vectors in half precision in a file that survives being killed.

    The least recently used go when there are more than `capacity`. What was read is noted in
    memory and written by a thread of its own, so that reading never writes.
    """

    def __init__(
        self, path: str | Path, *, capacity: int = 1_000_000, timeout_seconds: float = 30.0
    ) -> None:
        self.path = require_path("path", path)
        self.capacity = require_count("capacity", capacity)
        self.timeout_seconds = require_positive("timeout_seconds", timeout_seconds)
        self._idle: list[sqlite3.Connection] = []
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._touched: set[int] = set()
        self._uncounted = capacity  # rows put since the last count: at first, who knows
        self._flusher: ThreadPoolExecutor | None = None
        self._prepare()

    def get_many(self, keys: Sequence[str]) -> list[Vectors | None]:
        """A vector or None for each key, in the order of the keys."""
        if not keys:
            return []
        ids = _ids(keys)
        order = np.argsort(ids[:, 0])  # in order a page is found once
        wanted, twins = ids[order].T.tolist()
        with self._connection() as connection:
            rows = connection.execute(READ, [str(wanted)]).fetchall()  # one for each of them
        found: list[Vectors | None] = [None] * len(keys)
        hits = [n for n, (twin, _) in enumerate(rows) if twin == twins[n]]
        if hits:
            self._touch([wanted[n] for n in hits])
            places = order[hits].tolist()
            for place, vector in zip(places, _decoded([rows[n][1] for n in hits]), strict=True):
                found[place] = vector
        return found

    def put_many(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep one row per key; a key kept already is replaced."""
        half = np.ascontiguousarray(vectors, "<f2")
        if half.ndim != 2 or len(half) != len(keys) or not half.shape[1]:
            raise BadInput(f"{len(keys)} keys need as many rows, got the shape {half.shape}")
        ids = _ids(keys).tolist()
        rows = [(*id_, row.tobytes()) for id_, row in zip(ids, half, strict=True)]
        with self._writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            _note_use(connection, [id_ for id_, _ in ids])
            self._uncounted += len(rows)
            if self._uncounted > self.capacity * COUNTED_SHARE:
                self._evict(connection)

    def __len__(self) -> int:
        with self._connection() as connection:
            return _count(connection)

    def flush(self) -> None:
        """Write down which vectors were read; happens by itself now and then and on close."""
        with self._lock:
            touched, self._touched = self._touched, set()
        if touched:
            with self._writing() as connection:
                _note_use(connection, touched)

    def close(self) -> None:
        """Flush and let go of the file; the cache may be used again afterwards."""
        self.flush()
        with self._lock:
            flusher, self._flusher = self._flusher, None
            connections, self._idle = self._idle, []
        if flusher is not None:
            flusher.shutdown()
        for connection in connections:
            connection.close()

    def __enter__(self) -> SQLiteVectorCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        if not self.path.parent.is_dir():
            raise StoreError(f"there is no folder {str(self.path.parent)!r} to keep the cache in")
        with self._connection() as connection:
            mark = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if mark != APPLICATION_ID and tables:
                raise ArtefactError(
                    f"{str(self.path)!r} is a database, but no vector cache of this version:"
                    " give the cache a file of its own"
                )
            if mark != APPLICATION_ID:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(SCHEMA)

    def _evict(self, connection: sqlite3.Connection) -> None:
        self._uncounted = 0
        surplus = _count(connection) - self.capacity
        if surplus <= 0:
            return
        with self._lock:
            touched, self._touched = self._touched, set()
        _note_use(connection, touched)
        oldest = connection.execute(
            "SELECT id FROM recency ORDER BY used, id LIMIT ?",
            (surplus + int(self.capacity * EVICTED_SHARE),),
        ).fetchall()
        connection.executemany("DELETE FROM vectors WHERE id = ?", oldest)
        connection.executemany("DELETE FROM recency WHERE id = ?", oldest)

    def _touch(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._touched.update(ids)
            if len(self._touched) < TOUCHED_BEFORE_FLUSH:
                return
            if self._flusher is None:
                self._flusher = ThreadPoolExecutor(1, thread_name_prefix="vector-cache")
            self._flusher.submit(self.flush)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._process != os.getpid():  # SQLite's connections must not cross a fork
            self._inherited, self._idle, self._process = self._idle, [], os.getpid()
        try:
            connection = self._borrow()
            try:
                yield connection
            finally:
                self._idle.append(connection)
        except sqlite3.OperationalError as error:
            failure = StoreBusy if "locked" in str(error) else StoreError
            raise failure(f"vector cache {str(self.path)!r}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ArtefactError(
                f"vector cache {str(self.path)!r} is damaged or no database ({error}): delete it,"
                " it fills itself again"
            ) from error

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self.timeout_seconds, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        return connection


def _ids(keys: Sequence[str]) -> NDArray[np.int64]:
    """The two halves of each key: where the row lies, and whether it is the one."""
    try:
        halves = np.frombuffer(bytes.fromhex("".join(keys)), ">i8").reshape(len(keys), 2)
    except (TypeError, ValueError):
        raise BadInput(f"keys must be digests of {KEY_BYTES} bytes in hex, got {keys!r}") from None
    return halves.astype(np.int64)


def _decoded(blobs: Sequence[bytes]) -> list[Vectors]:
    numbers = widened(b"".join(blobs))
    sizes = set(map(len, blobs))
    if len(sizes) == 1:  # one model's: rows of a matrix come ten times faster than splits
        return list(numbers.reshape(len(blobs), -1))
    return np.split(numbers, np.cumsum([len(blob) // 2 for blob in blobs])[:-1])


def _note_use(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    # A counter in the file, not a clock: it orders the uses of all processes.
    (last,) = connection.execute("SELECT coalesce(max(used), 0) FROM recency").fetchone()
    connection.executemany(
        "INSERT INTO recency SELECT id, ? FROM vectors WHERE id = ?"
        " ON CONFLICT (id) DO UPDATE SET used = excluded.used",
        [(last + 1, id_) for id_ in ids],
    )


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM recency").fetchone()[0])
