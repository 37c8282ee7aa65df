"""The tables in PostgreSQL, as the numbered steps that lead to them."""

from __future__ import annotations

from typing import Any

from vibrator.errors import ArtefactError

MIGRATING = 0x76696272  # advisory lock: one process migrates at a time
STEPS = (
    """
    CREATE TABLE events (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant text NOT NULL,
        user_id text NOT NULL,
        kind text NOT NULL,
        event_id text NOT NULL,
        at timestamptz NOT NULL,
        text text NOT NULL,
        body jsonb NOT NULL,
        UNIQUE (tenant, kind, event_id)
    );
    CREATE INDEX events_by_user ON events (tenant, user_id, kind, seq);
    CREATE INDEX events_outcomes ON events (tenant, seq) WHERE kind = 'outcome';
    CREATE TABLE profiles (
        tenant text NOT NULL,
        user_id text NOT NULL,
        number bigint NOT NULL,
        seq bigint NOT NULL,
        fingerprint text NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (tenant, user_id)
    );
    CREATE TABLE vectors (
        tenant text NOT NULL,
        key bytea NOT NULL,
        vector bytea NOT NULL,
        PRIMARY KEY (tenant, key)
    );
    CREATE TABLE items (
        tenant text NOT NULL,
        item_id text NOT NULL,
        text text NOT NULL,
        attributes jsonb NOT NULL,
        dimensions integer NOT NULL,
        embedding vector NOT NULL,
        PRIMARY KEY (tenant, item_id)
    );
    CREATE INDEX items_by_attributes ON items USING gin (attributes jsonb_path_ops);
    CREATE TABLE counters (
        tenant text NOT NULL,
        name text NOT NULL,
        value bigint NOT NULL,
        PRIMARY KEY (tenant, name)
    );
    CREATE TABLE notes (
        tenant text NOT NULL,
        name text NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (tenant, name)
    );
    CREATE TABLE personal_tables (name text PRIMARY KEY, user_column text NOT NULL);
    INSERT INTO personal_tables VALUES ('events', 'user_id'), ('profiles', 'user_id');
    """,
)
BUMP = (
    "INSERT INTO counters (tenant, name, value) VALUES (%s, %s, 1)"
    " ON CONFLICT (tenant, name) DO UPDATE SET value = counters.value + 1"
)
EPOCH = "epoch"


def migrate(connection: Any) -> None:
    """Bring the tables forward; step n is applied once, by one process."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
        connection.execute("CREATE SCHEMA IF NOT EXISTS vibrator")
        connection.execute("SET LOCAL search_path = vibrator, public")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (component text, number integer,"
            " PRIMARY KEY (component, number))"
        )
        newest = "SELECT coalesce(max(number), 0) FROM migrations WHERE component = 'stores'"
        done = connection.execute(newest).fetchone()[0]
        if done > len(STEPS):
            raise ArtefactError(
                f"the database is at version {done}, this program knows {len(STEPS)}: install the "
                "newer release that wrote it"
            )
        for number, step in enumerate(STEPS[done:], start=done + 1):
            connection.execute(step)
            connection.execute("INSERT INTO migrations VALUES ('stores', %s)", (number,))
