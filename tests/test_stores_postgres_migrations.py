"""PostgreSQL's tables go forward by numbered steps, once, and never back."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from vibrator.errors import ArtefactError
from vibrator.stores import open_store
from vibrator.stores.postgres import schema

pytestmark = pytest.mark.integration
MORE = "ALTER TABLE items ADD COLUMN seen timestamptz; CREATE INDEX items_seen ON items (seen)"


@pytest.fixture
def ask(postgres_url):
    """Asks a database of the test's own; `ask.url` is where it is."""
    import psycopg

    name = f"own{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as root:
        root.execute(f"CREATE DATABASE {name}")
    root.close()
    inside = postgres_url.replace("/postgres?", f"/{name}?")

    def one(sql):
        with psycopg.connect(inside, autocommit=True) as database:
            cursor = database.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
        database.close()
        return rows

    one.url = inside
    return one


def test_a_step_is_applied_once_by_whoever_comes_first(ask, monkeypatch):
    open_store(ask.url).close()
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, MORE))
    with ThreadPoolExecutor(4) as pool:
        for store in pool.map(open_store, [ask.url] * 4):
            store.close()
    assert ask("SELECT max(number), count(*) FROM vibrator.migrations") == [(2, 2)]
    assert ask("SELECT seen FROM vibrator.items") == []


def test_a_failing_step_leaves_nothing_behind(ask, monkeypatch):
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, f"{MORE}; SELECT no_such_function()"))
    with pytest.raises(OSError, match="no_such_function"):
        open_store(ask.url)
    assert ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'vibrator'") == [(0,)]


def test_a_database_of_a_newer_release_is_refused(ask):
    open_store(ask.url).close()
    ask("INSERT INTO vibrator.migrations VALUES ('stores', 99)")
    with pytest.raises(ArtefactError, match="at version 99, this program knows 1"):
        open_store(ask.url)
