"""PostgreSQL with pgvector: all five ports over a pool of connections."""

from vibrator.stores.postgres.store import PostgresStore, open_postgres

__all__ = ["PostgresStore", "open_postgres"]
