"""The default store: all ports in one SQLite file, no server."""

from vibrator.stores.sqlite.connection import connect, migrate, speaking, transaction
from vibrator.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore", "connect", "migrate", "speaking", "transaction"]
