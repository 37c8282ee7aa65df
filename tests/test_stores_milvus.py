"""Milvus, by its Lite engine, keeps to the contract of a catalogue."""

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.encoder import EncoderConfig, InstructionalEncoder
from vibrator.errors import ArtefactError, BadInput
from vibrator.personalizer import Personalizer
from vibrator.personalizer.rebuilding import change_encoder
from vibrator.stores import Item, open_store
from vibrator.testing import CatalogueContract

pytestmark = pytest.mark.integration
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}


class TestMilvusCatalogue(CatalogueContract):
    @pytest.fixture
    def adapter(self, milvus_path):
        stores = []

        def open_one(tenant):
            stores.append(open_store(f"milvus:{milvus_path}?index=FLAT", tenant=tenant))
            return stores[-1].catalogue

        yield open_one
        for store in stores:
            store.close()


def test_a_personalizer_with_its_items_beside(tmp_path, milvus_path):
    url, beside = f"sqlite:///{tmp_path}/app.db", f"milvus:{milvus_path}?index=FLAT"
    app = Personalizer.open(url, catalogue=beside, sliders=SLIDERS, encoder="embedded")
    app.add_items([Item(item_id="grpc", text="a guide to gRPC", attributes={"lang": "en"})])
    app.add_items({"ridge": "a ridge traverse"})
    app.observe("chioma", UserAction("write", "ran the ridge at dawn"))

    assert [r.item for r in app.rank("chioma", 2)] == ["ridge", "grpc"]
    assert [r.item for r in app.rank("chioma", 2, filter={"lang": "en"})] == ["grpc"]
    other = InstructionalEncoder(EncoderConfig("embedded", center=False))
    assert change_encoder(app.store, other) == 2
    app.close()
    again = Personalizer.open(url, catalogue=beside, sliders=SLIDERS, encoder=other)
    assert again.rank("chioma", 1)[0].item == "ridge"
    again.close()


def test_a_change_of_encoder_elsewhere_is_noticed(milvus_path):
    changing, watching = (open_store(f"milvus:{milvus_path}?index=FLAT") for _ in range(2))
    changing.catalogue.upsert([Item(item_id="1", text="t")], np.eye(1, 4), fingerprint="e")
    assert len(watching.catalogue.search(np.eye(1, 4), 1, fingerprint="e")[0]) == 1
    changing.catalogue.reencode(lambda texts: np.eye(len(texts), 8), fingerprint="f")
    with pytest.raises(ArtefactError, match="were made by encoder f"):
        watching.catalogue.search(np.eye(1, 4), 1, fingerprint="e")
    assert len(watching.catalogue.search(np.eye(1, 8), 1, fingerprint="f")[0]) == 1
    changing.catalogue.reencode(lambda texts: np.eye(len(texts), 4), fingerprint="e")
    assert len(watching.catalogue.search(np.eye(1, 4), 1, fingerprint="e")[0]) == 1
    for store in (changing, watching):
        store.close()


def test_many_items_are_sealed_so_that_lite_searches_fast(milvus_path):
    store = open_store(f"milvus:{milvus_path}?index=FLAT")
    items = [Item(item_id=str(n), text="t") for n in range(2_500)]
    store.catalogue.upsert(items, np.eye(2_500, 8), fingerprint="e")
    assert len(list(milvus_path.rglob("*.idx"))) == 1
    store.close()


def test_what_milvus_cannot_hold_is_refused(milvus_path):
    store = open_store(f"milvus:{milvus_path}")
    long = Item(item_id="x" * 600, text="t")
    with pytest.raises(BadInput, match="at most 512 bytes of item_id"):
        store.catalogue.upsert([long], np.ones((1, 4), np.float32), fingerprint="e")
    with pytest.raises(BadInput, match="index must be one of"):
        open_store(f"milvus:{milvus_path}?index=MAGIC")
    store.close()
