"""Every store keeps to the contracts."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from vibrator.errors import BadInput, UnknownName
from vibrator.stores import Item, open_store
from vibrator.testing import (
    CatalogueContract,
    DecisionLogContract,
    EventLogContract,
    ProfileStoreContract,
    StoreContract,
    VectorCacheContract,
)

PORTS = {
    EventLogContract: "events",
    ProfileStoreContract: "profiles",
    VectorCacheContract: "vectors",
    CatalogueContract: "catalogue",
    DecisionLogContract: "decisions",
}


@pytest.fixture
def opened(url):
    """Opens the store of a tenant; all are closed in the end."""
    stores = []

    def open_one(tenant):
        stores.append(open_store(url, tenant=tenant))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


class OverSQLite:
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/app.db"


class OfStore:
    """Finds the port that the contract is about."""

    @pytest.fixture
    def adapter(self, opened):
        port = next((name for kind, name in PORTS.items() if isinstance(self, kind)), None)
        return opened if port is None else lambda tenant: getattr(opened(tenant), port)


class TestSQLiteEvents(OverSQLite, OfStore, EventLogContract): ...


class TestSQLiteProfiles(OverSQLite, OfStore, ProfileStoreContract): ...


class TestSQLiteVectors(OverSQLite, OfStore, VectorCacheContract): ...


class StrictFilters(CatalogueContract):
    """What Milvus sees otherwise: true is not 1, and only values of one kind are unequal."""

    def test_kinds_of_values_are_kept_apart(self, adapter):
        catalogue = adapter("a")
        odd = Item(item_id="1", text="a tent", attributes={"new": True, "minutes": 40})
        catalogue.upsert([odd], np.eye(1, 8), fingerprint="f")
        for where, found in (
            ({"new": 1}, 0), ({"new": True}, 1), ({"new": [1, "yes", True]}, 1),
            ({"minutes": {"!=": "40"}}, 0), ({"minutes": {"!=": 41}}, 1),
        ):  # fmt: skip
            (hits,) = catalogue.search(np.eye(1, 8), 3, fingerprint="f", where=where)
            assert len(hits) == found, where


class TestSQLiteCatalogue(OverSQLite, OfStore, StrictFilters): ...


class TestSQLiteDecisions(OverSQLite, OfStore, DecisionLogContract): ...


class TestSQLiteStore(OverSQLite, OfStore, StoreContract): ...


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("app.db", BadInput),
        ("mongo://host", UnknownName),
        ("sqlite://app.db", BadInput),
        ("sqlite:///a.db?colour=red", BadInput),
        ("sqlite:///a.db?busy_seconds=soon", BadInput),
        ("sqlite:///a.db?index=annoy", BadInput),
        ("sqlite:///a.db?synchronous=off", BadInput),
    ],
)
def test_a_url_that_means_nothing_is_refused(url, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        open_store(url)
    assert list(tmp_path.iterdir()) == []


def open_borrowed(url, *, tenant):
    """An opener as another package would register it."""
    return open_store("sqlite://", tenant=f"{tenant} by {url}")


def test_another_package_registers_its_scheme(monkeypatch):
    point = EntryPoint("borrowed", "tests.test_stores:open_borrowed", "vibrator.stores")
    monkeypatch.setattr("vibrator.stores.opening.entry_points", lambda group: [point])
    store = open_store("borrowed:x", tenant="a")
    assert store.tenant == "a by borrowed:x"
    store.close()
