"""PostgreSQL with pgvector keeps to every contract, and to the Personalizer's claims."""

from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest

from tests.test_stores import OfStore
from vibrator.actions import UserAction
from vibrator.errors import BadInput, StoreUnavailable
from vibrator.personalizer import Personalizer
from vibrator.stores import Event, Item, open_store
from vibrator.testing import (
    CatalogueContract,
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


class TestPostgresCatalogue(OverPostgres, CatalogueContract): ...


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


def test_forgetting_leaves_no_byte_in_the_tables(app):
    app.observe("ada@example.org", [UserAction("write", f"{SECRET} {n}") for n in range(40)])
    app.profile("ada@example.org")
    receipt = app.forget("ada@example.org")
    bare = app.store._pool.bare()
    bare.execute("CHECKPOINT")
    left = bare.execute(
        "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class"
        " WHERE relnamespace = 'vibrator'::regnamespace AND relkind IN ('r', 'i', 't')"
        " AND pg_relation_size(oid) > 0"
    ).fetchall()
    toast = bare.execute(
        "SELECT pg_read_binary_file(pg_relation_filepath(reltoastrelid)) FROM pg_class WHERE"
        " relnamespace = 'vibrator'::regnamespace AND reltoastrelid > 0"
        " AND pg_relation_size(reltoastrelid) > 0"
    ).fetchall()
    bare.close()

    assert receipt.verified
    assert "write-ahead log" in receipt.pending[0]
    assert len(left) > 5
    assert [1 for (content,) in left + toast if SECRET.encode() in bytes(content)] == []


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
