"""The faiss index keeps to the contract of a catalogue, flat and in lists."""

import numpy as np
import pytest

from vibrator.errors import ArtefactError
from vibrator.stores import open_store
from vibrator.testing import CatalogueContract
from vibrator.vectors import top_k, unit

pytestmark = pytest.mark.integration
ROWS = unit(np.random.default_rng(0).normal(size=(3_000, 16))).astype(np.float16).astype(np.float32)


class OverFaiss(CatalogueContract):
    above = 300_000

    @pytest.fixture
    def adapter(self, tmp_path):
        url, stores = f"sqlite:///{tmp_path}/app.db?index=faiss&faiss_above={self.above}", []

        def open_one(tenant):
            stores.append(open_store(url, tenant=tenant))
            return stores[-1].catalogue

        yield open_one
        for store in stores:
            store.close()


class TestFlatFaiss(OverFaiss): ...


class TestListedFaiss(OverFaiss):
    above = 50


def index(above):
    from vibrator.stores.faiss import FaissIndex

    made = FaissIndex(16, above=above)
    made.put(range(3_000), ROWS)
    return made


@pytest.mark.parametrize("above", [1_000, 100_000])
def test_removed_rows_are_never_found(above):
    made = index(above)
    made.remove([5, 7, 99_999])
    assert len(made) == 2_998
    found = {int(n) for numbers, _ in made.search(ROWS[:50], 10) for n in numbers}
    assert found.isdisjoint({5, 7})


def test_lists_find_nearly_what_comparing_all_finds():
    made = index(1_000)
    found = made.search(ROWS[:100], 10)
    same = sum(
        len(set(numbers.tolist()) & set(top_k(ROWS @ query, 10).tolist()))
        for query, (numbers, _) in zip(ROWS, found, strict=False)
    )
    assert same > 600  # of 1,000: without any clusters, the hardest case for lists


def test_growing_into_lists_loses_nothing():
    made = index(1_000)
    made.put(range(3_000, 9_000), np.concatenate([ROWS, ROWS]))
    assert len(made) == len(made.ids()) == 9_000
    everything = made.search(ROWS[:1], 9_000, among=made.ids().tolist())
    assert len(everything[0][0]) == 9_000


def test_a_saved_index_comes_back_and_a_torn_one_is_refused(tmp_path):
    made, other = index(1_000), index(1_000)
    made.save(tmp_path / "items.faiss")
    other.load(tmp_path / "items.faiss", made.ids().tolist())
    np.testing.assert_array_equal(other.search(ROWS[:5], 3), made.search(ROWS[:5], 3))
    assert [path.name for path in tmp_path.iterdir()] == ["items.faiss"]
    whole = (tmp_path / "items.faiss").read_bytes()
    (tmp_path / "items.faiss").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtefactError, match="no faiss index"):
        other.load(tmp_path / "items.faiss", range(3_000))
    made.save(tmp_path / "items.faiss")
    with pytest.raises(ArtefactError, match="wanted were 2 of 16"):
        other.load(tmp_path / "items.faiss", [1, 2])
