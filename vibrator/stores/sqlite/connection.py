"""One SQLite file: how it is opened, migrated and written, and what its failures mean."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vibrator.errors import ArtefactError, BadInput, StoreBusy, StoreError, StoreUnavailable

BUSY_SECONDS = 10.0
SYNCHRONOUS = (
    "normal",
    "full",
    "extra",
)  # normal: safe against a killed process; full: a power cut
CHECKPOINT_PAGES = 4_000  # 16 MB of write-ahead log between syncs, four times as much as usual
MEMORY = ":memory:"
_NAME = re.compile(r"[a-z][a-z0-9_]*")

Step = str | Callable[[sqlite3.Connection], None]

_CAUSES: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "another process has been writing for too long"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "another connection has been writing for too long"),
    sqlite3.SQLITE_FULL: (StoreError, "the disk is full"),
    sqlite3.SQLITE_READONLY: (StoreError, "the file is read-only"),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "the file cannot be opened"),
    sqlite3.SQLITE_IOERR: (StoreError, "the disk reported an error"),
    sqlite3.SQLITE_CORRUPT: (StoreError, "the file is damaged"),
    sqlite3.SQLITE_NOTADB: (StoreError, "the file is not an SQLite database"),
}


def connect(
    path: str | Path, *, busy_seconds: float = BUSY_SECONDS, synchronous: str = "normal"
) -> sqlite3.Connection:
    """Open the file in WAL mode, deleting securely, waiting for writers; commits are explicit.

    A write is on disk, safe from a killed process, when `transaction` returns; with
    `synchronous="full"` also from a power cut, at one fsync a commit.

    >>> connect(":memory:").execute("SELECT 1").fetchone()
    (1,)
    """
    if synchronous not in SYNCHRONOUS:
        raise BadInput(f"synchronous must be one of {SYNCHRONOUS}, got {synchronous!r}")
    with speaking(path):
        connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}").fetchone()
            connection.execute("PRAGMA secure_delete = ON").fetchone()
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error:
            connection.close()
            raise
    return connection


@contextmanager
def speaking(place: str | Path | sqlite3.Connection) -> Iterator[None]:
    """Turn what SQLite says inside into our own errors."""
    try:
        yield
    except sqlite3.Error as error:
        primary = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if primary not in _CAUSES:
            raise
        kind, cause = _CAUSES[primary]
        path = _path_of(place) if isinstance(place, sqlite3.Connection) else place
        raise kind(f"{path}: {cause} ({error})") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing; the write lock is taken at the beginning, so that nothing is lost."""
    with speaking(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def migrate(
    connection: sqlite3.Connection,
    component: str,
    steps: Sequence[Step],
    *,
    personal: Mapping[str, str] | None = None,
) -> int:
    """Bring the tables of one component forward; step n is applied once, by one process.

    A step is an SQL script or a function of the connection; released steps are never edited, new
    ones are appended. `personal` names the tables that hold rows of people and the column with
    the user id (each also has a `tenant` column): forgetting and merging users reach these too.

    >>> db = connect(":memory:")
    >>> migrate(db, "notes", ["CREATE TABLE notes (tenant TEXT, user_id TEXT, note TEXT)"],
    ...         personal={"notes": "user_id"})
    1
    """
    for name in (component, *(personal or {}), *(personal or {}).values()):
        if not _NAME.fullmatch(name):
            raise BadInput(f"names of components, tables and columns must be plain, got {name!r}")
    if _is_current(connection, component, len(steps), personal or {}):
        return len(steps)
    with transaction(connection):
        for statement in _statements(_OWN_TABLES):
            connection.execute(statement)
        done = applied(connection, component)
        if done > len(steps):
            raise ArtefactError(
                f"{_path_of(connection)}: {component} is at version {done}, this program knows "
                f"{len(steps)}: install the newer release that wrote it"
            )
        for number, step in enumerate(steps[done:], start=done + 1):
            _apply(connection, step)
            connection.execute(
                "INSERT INTO migrations (component, number) VALUES (?, ?)", (component, number)
            )
        connection.executemany(
            "INSERT OR IGNORE INTO personal_tables (name, user_column) VALUES (?, ?)",
            (personal or {}).items(),
        )
    return len(steps)


def _is_current(
    connection: sqlite3.Connection, component: str, number: int, personal: Mapping[str, str]
) -> bool:
    if applied(connection, component) != number:
        return False
    return number > 0 and personal.items() <= set(personal_tables(connection))


def applied(connection: sqlite3.Connection, component: str) -> int:
    """The number of the newest migration of a component; 0 if none."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"
    with speaking(connection):
        if connection.execute(known).fetchone() is None:
            return 0
        newest = "SELECT coalesce(max(number), 0) FROM migrations WHERE component = ?"
        return int(connection.execute(newest, (component,)).fetchone()[0])


def personal_tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every table with rows of people, and its column with the user id."""
    return connection.execute("SELECT name, user_column FROM personal_tables").fetchall()


_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS migrations (
    component TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (component, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS personal_tables (
    name TEXT PRIMARY KEY, user_column TEXT NOT NULL
) WITHOUT ROWID;
"""


def _apply(connection: sqlite3.Connection, step: Step) -> None:
    if callable(step):
        step(connection)
        return
    for statement in _statements(step):
        connection.execute(statement)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: executescript would commit behind our back."""
    pending = ""
    for part in script.split(";"):
        pending += part + ";"
        if sqlite3.complete_statement(pending):
            if pending.strip(" \n;"):
                yield pending
            pending = ""


def _path_of(connection: sqlite3.Connection) -> str:
    try:
        rows = connection.execute("PRAGMA database_list").fetchall()
    except sqlite3.Error:
        return "database"
    return next((path for _, name, path in rows if name == "main" and path), MEMORY)
