"""PostgreSQL with pgvector keeps to every contract, and to the Personalizer's claims."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from tests.test_stores import OfStore, StrictFilters
from vibrator.actions import UserAction
from vibrator.errors import BadInput, StoreUnavailable
from vibrator.personalizer import Personalizer
from vibrator.stores import Event, Item, open_store
from vibrator.testing import (
    DecisionLogContract,
    EventLogContract,
    ProfileStoreContract,
    StoreContract,
    VectorCacheContract,
)

pytestmark = pytest.mark.integration
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
SECRET = "a secret wish for a lighthouse"


class OverPostgres(OfStore):
    @pytest.fixture
    def opened(self, postgres_url):
        """Stores of tenants that are this test's own."""
        stores, prefix = {}, uuid4().hex[:8]

        def open_one(tenant):
            stores.setdefault(tenant, []).append(
                open_store(postgres_url, tenant=f"{prefix} {tenant}")
            )
            return stores[tenant][-1]

        yield open_one
        for some in stores.values():
            for store in some:
                store.close()


class TestPostgresEvents(OverPostgres, EventLogContract): ...


class TestPostgresProfiles(OverPostgres, ProfileStoreContract): ...


class TestPostgresVectors(OverPostgres, VectorCacheContract): ...


class TestPostgresCatalogue(OverPostgres, StrictFilters): ...


class TestPostgresDecisions(OverPostgres, DecisionLogContract): ...


class TestPostgresStore(OverPostgres, StoreContract): ...


@pytest.fixture
def app(postgres_url):
    app = Personalizer.open(
        postgres_url, tenant=uuid4().hex, sliders=SLIDERS, encoder="embedded",
        rng=np.random.default_rng(0),
    )  # fmt: skip
    yield app
    app.close()


def test_the_whole_loop(app):
    app.add_items({"grpc": "a guide to gRPC", "ridge": "a ridge traverse"})
    app.observe("ada", [UserAction("write", f"gRPC deadlines {n}") for n in range(40)])
    assert app.rank("ada", 1)[0].item == "grpc"
    decision = app.decide("ada", ["grpc", "ridge"])
    assert app.outcome(decision.decision_id, "done", dwell=60_000)
    assert not app.outcome(decision.decision_id, "done", dwell=60_000)
    assert app.report().mean_reward == 1.0


def test_profiles_equal_a_rebuild(app):
    for step in range(60):
        app.observe("ada", UserAction("click", f"ridge {step % 7}"))
        app.profile("ada")
    now = app.clock()
    online = app._folding.profile("ada", now).at(now)
    app.rebuild()
    anew = app._folding.profile("ada", now).at(now)
    np.testing.assert_allclose(online.vector, anew.vector, atol=1e-6)


@pytest.fixture
def visited(app, postgres_url):
    """Another component keeps rows of people in two tables, one of them one row a person."""
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as bare:
        bare.execute("SET search_path = vibrator")
        bare.execute("CREATE TABLE visits (tenant text, user_id text, place text)")
        bare.execute(
            "CREATE TABLE ratings (tenant text, who text, stars real, UNIQUE (tenant, who))"
        )
        bare.execute("INSERT INTO personal_tables VALUES ('visits', 'user_id'), ('ratings', 'who')")
        for user, place in (("cookie-7", "the hut"), ("ada", "the lake"), ("bruno", "the pass")):
            row = (app.store.tenant, user)
            bare.execute("INSERT INTO visits VALUES (%s, %s, %s)", (*row, place))
            bare.execute("INSERT INTO ratings VALUES (%s, %s, %s)", (*row, len(place)))
        bare.execute("DELETE FROM ratings WHERE who = 'bruno'")
        yield app
        bare.execute("DELETE FROM personal_tables WHERE name IN ('visits', 'ratings')")
        bare.execute("DROP TABLE visits, ratings")
    bare.close()


def test_what_another_component_keeps_is_exported_merged_and_forgotten(visited):
    assert visited.export("ada")["tables"]["ratings"] == [
        {"tenant": visited.store.tenant, "who": "ada", "stars": 8.0}
    ]
    visited.observe("cookie-7", UserAction("write", "a walk"))
    visited.merge_users("cookie-7", "ada")
    visited.merge_users("bruno", "ada")
    tables = visited.export("bruno")["tables"]
    assert sorted(row["place"] for row in tables["visits"]) == ["the hut", "the lake", "the pass"]
    assert [row["stars"] for row in tables["ratings"]] == [8.0]
    assert visited.profile("ada").events == 1

    receipt = visited.forget("cookie-7")
    assert (receipt.removed["visits"], receipt.removed["ratings"]) == (3, 1)
    assert "tables" not in visited.export("ada")


def files_with(url, words):
    """The files of the server's folder with these words, its write-ahead log left out."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as bare:
        bare.execute("CHECKPOINT")
        (folder,) = bare.execute("SHOW data_directory").fetchone()
    bare.close()
    files = [f for f in Path(folder).rglob("*") if f.is_file() and "pg_wal" not in f.parts]
    assert len(files) > 100
    return [f.name for f in files if words.encode() in f.read_bytes()]


@pytest.mark.parametrize("version", [180_000, 999_999], ids=["cleared", "deleted"])
def test_forgetting_leaves_no_byte_in_any_file(app, postgres_url, version, monkeypatch):
    monkeypatch.setattr("vibrator.stores.postgres.statistics.CAN_CLEAR", version)
    secret, user = f"{SECRET} {version}", f"ada-{version}@example.org"
    app.observe(user, [UserAction("write", secret, metadata={"n": n}) for n in range(90)])
    app.decide(user, {"ridge": "a ridge traverse"}, {"note": secret})
    app.profile(user)
    bare = app.store._pool.bare()
    bare.execute("SET default_statistics_target = 5")  # few samples, which it does not compress
    bare.execute("ANALYZE vibrator.events")  # as autovacuum does, sooner or later
    bare.close()
    assert len(files_with(postgres_url, secret)) >= 2
    receipt = app.forget(user)

    assert receipt.verified
    assert ["write-ahead log" in words for words in receipt.pending] == [True]
    assert files_with(postgres_url, secret) == files_with(postgres_url, user) == []


def test_a_user_who_may_not_rewrite_the_statistics_is_told(postgres_url):
    import psycopg

    name = f"app{uuid4().hex[:8]}"
    open_store(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as root:
        root.execute(f"CREATE ROLE {name} LOGIN")
        root.execute(f"CREATE DATABASE {name}")
    inside = postgres_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(inside, autocommit=True) as root:
        root.execute("CREATE EXTENSION vector SCHEMA public")
        root.execute(f"GRANT CREATE ON DATABASE {name} TO {name}")
    root.close()
    store = open_store(inside.replace("postgres:@", f"{name}:@"))

    assert "let the owner of the database" in store.erase(["ada"]).pending[0]
    store.close()


def test_a_search_finds_what_the_index_gives_up_on(postgres_url):
    import psycopg

    rng, prefix = np.random.default_rng(0), uuid4().hex
    rows = rng.normal(size=(2_000, 16)).astype(np.float32)
    with psycopg.connect(postgres_url, autocommit=True) as root:
        for setting in ("hnsw.max_scan_tuples = 100", "enable_seqscan = off", "enable_sort = off"):
            root.execute(f"ALTER DATABASE postgres SET {setting}")
    root.close()
    try:
        big, small = (open_store(postgres_url, tenant=f"{prefix} {n}") for n in range(2))
        items = [Item(item_id=str(n), text="t", attributes={"n": n}) for n in range(2_000)]
        big.catalogue.upsert(items, rows, fingerprint="f")
        small.catalogue.upsert(items[:30], -rows[:30], fingerprint="f")
        few = {"n": {">=": 1_997}}
        found = big.catalogue.search(rows[:5], 3, fingerprint="f", where=few)
        mine = small.catalogue.search(rows[:5], 10, fingerprint="f")
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as root:
            root.execute("ALTER DATABASE postgres RESET ALL")
        root.close()
        big.close()
        small.close()
    assert [len(hits) for hits in found] == [3] * 5
    for hits in mine:
        assert len(hits) == 10
        assert [h.similarity for h in hits] == sorted((h.similarity for h in hits), reverse=True)


def test_what_postgres_cannot_hold_is_refused(app):
    nul = Event(
        event_id="1", user_id="ada", at=datetime(2026, 1, 1, tzinfo=UTC), kind="action", text="a\0b"
    )
    with pytest.raises(BadInput, match="cannot hold"):
        app.store.events.append([nul])


def test_a_connection_that_the_server_closed_is_replaced(postgres_url):
    import psycopg

    store = open_store(postgres_url, tenant=uuid4().hex)
    store.set_note("colour", "green")

    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    assert store.note("colour") == "green"
    store.close()


def test_queries_of_another_width_are_refused(postgres_url):
    store = open_store(postgres_url, tenant=uuid4().hex)
    store.catalogue.upsert([Item(item_id="1", text="a tent")], np.eye(1, 4), fingerprint="f")

    with pytest.raises(BadInput, match="must have 4 dimensions, got 5"):
        store.catalogue.search(np.eye(1, 5), 1, fingerprint="f")
    store.close()


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        open_store(f"postgresql://postgres@/postgres?host={tmp_path}")
