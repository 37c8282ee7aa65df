"""The SQLite file: opened, migrated, waited for, and honest about what is wrong with it."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from vibrator.errors import (
    ArtefactError,
    StoreBusy,
    StoreError,
    StoreUnavailable,
    VersionConflict,
)
from vibrator.stores import Item, Which
from vibrator.stores.sqlite import SQLiteStore, connect, migrate, transaction
from vibrator.testing.events import NOW, event
from vibrator.testing.profiles import load, save

STEPS = ["CREATE TABLE notes (tenant TEXT, user_id TEXT, note TEXT)"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.db"


def test_migrations_go_forward_once(path):
    first, second = connect(path), connect(path)
    migrate(first, "notes", STEPS)
    longer = [*STEPS, "ALTER TABLE notes ADD COLUMN at REAL; CREATE INDEX by_at ON notes (at)"]

    assert migrate(second, "notes", longer) == migrate(first, "notes", longer) == 2
    assert [row[1] for row in first.execute("PRAGMA table_info(notes)")][-1] == "at"
    first.close()
    second.close()


def test_a_failing_step_leaves_nothing_behind(path):
    db = connect(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, "notes", [*STEPS, "CREATE TABLE half (a); SELECT no_such_function()"])

    assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
    db.close()


def test_a_file_of_a_newer_release_is_refused(path):
    db = connect(path)
    migrate(db, "notes", [*STEPS, "CREATE TABLE more (a)"])
    with pytest.raises(ArtefactError, match="notes is at version 2, this program knows 1"):
        migrate(db, "notes", STEPS)
    db.close()


def test_a_trigger_is_one_statement(path):
    db = connect(path)
    trigger = """CREATE TRIGGER t AFTER INSERT ON notes BEGIN
        DELETE FROM notes WHERE note = 'a;b'; DELETE FROM notes WHERE note = 'c'; END;"""
    assert migrate(db, "notes", [STEPS[0] + ";" + trigger]) == 1
    db.close()


def test_a_writer_waits_then_says_so(path):
    holder, waiter = connect(path), connect(path, busy_seconds=0.05)
    migrate(holder, "notes", STEPS)
    with (
        transaction(holder),
        pytest.raises(StoreBusy, match="writing for too long"),
        transaction(waiter),
    ):
        pass
    holder.close()
    waiter.close()


def test_a_foreign_file_and_a_missing_folder_are_named(tmp_path):
    (tmp_path / "note.txt").write_text("not a database at all, but long enough to look at" * 10)
    with pytest.raises(StoreError, match="not an SQLite database"):
        connect(tmp_path / "note.txt")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        connect(tmp_path / "absent" / "app.db")


def test_a_full_disk_is_named(path):
    db = connect(path)
    migrate(db, "notes", STEPS)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="disk is full"), transaction(db):
        db.execute("INSERT INTO notes VALUES ('t', 'u', ?)", ("x" * 50_000,))
    db.close()


def test_processes_lose_and_double_nothing(path):
    store, children = SQLiteStore(path), []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            store.events.append([event(str(n)) for n in range(50)])  # the same fifty by each
            for _ in range(20):
                increment(store.profiles)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert len(list(store.events.read(Which()))) == 50
    assert load(store.profiles).body == b"60"
    store.close()


def increment(profiles):
    while True:
        loaded = load(profiles)
        with suppress(VersionConflict):
            return save(profiles, loaded, str(int(loaded.body or b"0") + 1).encode())


def test_a_closed_store_may_be_used_again(path):
    store = SQLiteStore(path)
    store.events.append([event("1")])
    store.close()
    assert len(list(store.events.read(Which()))) == 1
    store.close()


def open_files():
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that listed the folder
            names.append(str(link.readlink()))
    return names


def test_threads_that_ended_leave_no_file_open(path):
    store = SQLiteStore(path)
    for n in range(20):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(store.events.append, [event(str(n))]).result()

    assert open_files().count(str(path)) <= 3
    assert len(list(store.events.read(Which()))) == 20
    store.close()


def test_a_read_only_file_is_named(path):
    db = connect(path)
    migrate(db, "notes", STEPS)
    db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="read-only"), transaction(db):
        db.execute("INSERT INTO notes VALUES ('t', 'u', 'n')")
    db.close()


def test_filters_know_numbers_beyond_those_of_sqlite(path):
    store = SQLiteStore(path)
    stars = Item(item_id="stars", text="a map of stars", attributes={"count": 10**22})
    store.catalogue.upsert([stars], np.eye(1, 4), fingerprint="f")

    for where, found in (({"count": {">": 10**19}}, 1), ({"count": {">": 10**30}}, 0)):
        (hits,) = store.catalogue.search(np.eye(1, 4), 5, fingerprint="f", where=where)
        assert len(hits) == found
    store.close()


def test_a_batch_of_many_people_finds_the_one_who_was_merged(path):
    store = SQLiteStore(path)
    store.merge("user 7", "ada", at=NOW)
    store.events.append([event(str(n), f"user {n}") for n in range(1_200)])
    (hers,) = store.events.read(Which(users=("ada",), kinds=("action",)))
    assert hers.event_id == "7"
    assert sum(1 for _ in store.users()) == 1_200
    store.close()
