"""The worked adapter of another package is found by its entry point and keeps to the contract."""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.test_stores import StrictFilters
from tests.weaviate_in_memory import WeaviateConnectionError, modules
from vibrator.errors import BadInput, StoreError, StoreUnavailable
from vibrator.stores import Item, open_store

PACKAGE = Path(__file__).parents[1] / "examples" / "weaviate_store"
URL = "weaviate:http://localhost:8080"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as pip would install it: its file on the path, its entry points beside."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    facts = tmp_path / "vibrator_weaviate-0.1.0.dist-info"
    facts.mkdir()
    points = project["entry-points"]["vibrator.stores"]
    lines = ["[vibrator.stores]", *(f"{name} = {place}" for name, place in points.items())]
    (facts / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (facts / "METADATA").write_text(f"Name: {project['name']}\nVersion: 0.1.0\n", encoding="utf-8")
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "vibrator_weaviate", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(PACKAGE)
    yield
    sys.modules.pop("vibrator_weaviate", None)


class TestWeaviate(StrictFilters):
    @pytest.fixture
    def adapter(self, installed):
        return lambda tenant: open_store(URL, tenant=tenant).catalogue


def filled(count):
    catalogue = open_store(URL).catalogue
    items = [Item(item_id=str(n), text="t", attributes={"n": n}) for n in range(count)]
    catalogue.upsert(items, np.linspace(1, 0, count)[:, None] * np.eye(1, 4), fingerprint="f")
    return catalogue


def found(catalogue, k, where, width=4, fingerprint="f"):
    query = np.eye(1, width)
    return [
        one.item_id for one in catalogue.search(query, k, fingerprint=fingerprint, where=where)[0]
    ]


def test_comparisons_are_made_over_pages(installed):
    catalogue = filled(2_500)
    assert found(catalogue, 2, {"n": {">=": 2_200}}) == ["2200", "2201"]
    assert found(catalogue, 2, {"n": {">": 2_600}}) == []


def test_what_the_server_cannot_look_through_is_said(installed):
    with pytest.raises(StoreError, match="10000 nearest"):
        found(filled(11_000), 2, {"n": {">": 10_990}})


def test_a_change_of_encoder_makes_the_collection_anew(installed):
    catalogue = filled(5)
    assert catalogue.reencode(lambda texts: np.eye(len(texts), 8), fingerprint="g") == 5
    assert len(found(catalogue, 9, None, width=8, fingerprint="g")) == 5


def test_a_server_that_is_not_there_and_a_url_that_means_nothing(installed, monkeypatch):
    def nobody(**place):
        raise WeaviateConnectionError("refused")

    monkeypatch.setattr(sys.modules["weaviate"], "connect_to_custom", nobody)
    with pytest.raises(StoreUnavailable, match="cannot be reached: refused"):
        open_store(URL)
    for url in ("weaviate:localhost", "weaviate:http://localhost:8080?grpc=x"):
        with pytest.raises(BadInput):
            open_store(url)
