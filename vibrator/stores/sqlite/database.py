"""One SQLite file shared by threads and processes: a connection for each thread."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vibrator.stores.sqlite.connection import BUSY_SECONDS, MEMORY, connect, speaking, transaction


class Database:
    """Hands out connections: one a thread for a file, one for all (in turn) in memory."""

    def __init__(
        self, path: str | Path, *, busy_seconds: float = BUSY_SECONDS, synchronous: str = "normal"
    ) -> None:
        self.path = str(path)
        self.busy_seconds = busy_seconds
        self.synchronous = synchronous
        self._local = threading.local()
        self._turn = threading.RLock()
        self._open: list[tuple[int, threading.Thread, sqlite3.Connection]] = []
        self._shared = self._connect() if self.path == MEMORY else None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from."""
        if self._shared is not None:
            with self._turn, speaking(self.path):
                yield self._shared
        else:
            with speaking(self.path):
                yield self._own()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction: all of it or nothing."""
        with self.reading() as connection, transaction(connection):
            yield connection

    def rows(self, sql: str, values: Any = ()) -> list[Any]:
        """All rows of one query."""
        with self.reading() as connection:
            return connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close every connection that was handed out."""
        with self._turn:
            connections, self._open = self._open, []
            self._local = threading.local()
        for process, _, connection in connections:
            if process == os.getpid():  # one that came over a fork is its maker's to close
                connection.close()

    def _own(self) -> sqlite3.Connection:
        # SQLite's connections must not cross a fork, so each process makes its own.
        if getattr(self._local, "process", None) != os.getpid():
            self._local.connection, self._local.process = self._connect(), os.getpid()
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = connect(
            self.path, busy_seconds=self.busy_seconds, synchronous=self.synchronous
        )
        with self._turn:
            self._close_left_behind()
            self._open.append((os.getpid(), threading.current_thread(), connection))
        return connection

    def _close_left_behind(self) -> None:
        """Close what threads that have ended left open: services start new ones all day."""
        left = [one for one in self._open if one[0] == os.getpid() and not one[1].is_alive()]
        for one in left:
            self._open.remove(one)
            one[2].close()


def marks(count: int) -> str:
    """So many placeholders.

    >>> marks(3)
    '?,?,?'
    """
    return ",".join("?" * count)
