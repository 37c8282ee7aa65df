"""The tables of the store, as the numbered steps that lead to them."""

from __future__ import annotations

COMPONENT = "stores"
PERSONAL = {"events": "user_id", "profiles": "user_id"}
STEPS = (
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        user_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        event_id TEXT NOT NULL,
        at INTEGER NOT NULL,
        text TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (tenant, kind, event_id)
    );
    CREATE INDEX events_by_user ON events (tenant, user_id, kind, seq);
    CREATE INDEX events_outcomes ON events (tenant, seq) WHERE kind = 'outcome';
    CREATE TABLE profiles (
        tenant TEXT NOT NULL,
        user_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (tenant, user_id)
    );
    CREATE TABLE vectors (
        tenant TEXT NOT NULL,
        key BLOB NOT NULL,
        vector BLOB NOT NULL,
        UNIQUE (tenant, key)
    );
    CREATE TABLE items (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        item_id TEXT NOT NULL,
        text TEXT NOT NULL,
        attributes TEXT NOT NULL,
        vector BLOB NOT NULL,
        UNIQUE (tenant, item_id)
    );
    CREATE INDEX items_by_seq ON items (tenant, seq);
    CREATE TABLE counters (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (tenant, name)
    ) WITHOUT ROWID;
    CREATE TABLE notes (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (tenant, name)
    ) WITHOUT ROWID
    """,
)
BUMP = (
    "INSERT INTO counters (tenant, name, value) VALUES (?, ?, 1)"
    " ON CONFLICT (tenant, name) DO UPDATE SET value = value + 1"
)
EPOCH = "epoch"  # raised when somebody is forgotten or merged: saves in flight are then refused
ITEMS_CHANGED = "items"  # raised when items change: matrices in memory then catch up
