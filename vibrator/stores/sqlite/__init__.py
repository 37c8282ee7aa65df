"""The default store: all ports in one SQLite file, no server."""

from vibrator.stores.sqlite.connection import connect, migrate, speaking, transaction

__all__ = ["connect", "migrate", "speaking", "transaction"]
