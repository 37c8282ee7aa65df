"""The faiss index keeps to the contract of a catalogue, flat and in lists."""

import numpy as np
import pytest

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


def index(above, rows=ROWS):
    from vibrator.stores.faiss import FaissIndex

    table = dict(enumerate(rows))
    made = FaissIndex(rows.shape[1], lambda numbers: rows_in(table, numbers), above=above)
    made.put(range(len(rows)), rows)
    made.settle()
    return made, table


def rows_in(table, numbers):
    there = [number for number in numbers.tolist() if number in table]
    return np.array(there, np.int64), np.array([table[number] for number in there], np.float32)


@pytest.mark.parametrize("above", [1_000, 100_000])
def test_removed_rows_are_never_found(above):
    made, _ = index(above)
    made.remove([5, 7, 99_999])
    assert len(made) == 2_998
    found = {int(n) for numbers, _ in made.search(ROWS[:50], 10) for n in numbers}
    assert found.isdisjoint({5, 7})


def shared(made, rows, queries, k=10):
    """How much of what comparing all rows finds the lists find too."""
    found = made.search(queries, k)
    same = [
        len(set(numbers.tolist()) & set(top_k(rows @ query, k).tolist()))
        for query, (numbers, _) in zip(queries, found, strict=True)
    ]
    return sum(same) / (k * len(queries))


def test_lists_find_what_comparing_all_finds_where_rows_cluster():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(200, 64))
    rows = unit(centres[rng.integers(200, size=20_000)] + 0.7 * rng.normal(size=(20_000, 64)))
    rows = rows.astype(np.float16).astype(np.float32)
    assert shared(index(10_000, rows)[0], rows, rows[:200]) >= 0.95


def test_lists_find_most_of_it_where_nothing_clusters():
    assert shared(index(1_000)[0], ROWS, ROWS[:100]) > 0.6


def test_similarities_are_those_of_the_rows_as_they_are_kept():
    for numbers, scores in index(1_000)[0].search(ROWS[:20] * 3, 10):
        query = 3 * ROWS[numbers[0]]
        np.testing.assert_allclose(scores, ROWS[numbers] @ query, rtol=1e-6)


def test_more_rows_than_the_nearest_lists_have_are_found_all_the_same():
    assert [len(numbers) for numbers, _ in index(1_000)[0].search(ROWS[:3], 2_900)] == [2_900] * 3


def test_lists_are_drawn_anew_as_rows_come_and_nothing_is_lost():
    made, table = index(1_000)
    lists = made._index.nlist
    made.remove(range(0, 3_000, 3))
    table.update(zip(range(70_000, 76_000), np.concatenate([ROWS, ROWS]), strict=True))
    made.put(range(70_000, 76_000), np.concatenate([ROWS, ROWS]))
    made.settle()
    assert made._index.nlist > lists
    assert len(made) == len(made.ids()) == 8_000
    everything = made.search(ROWS[:1], 8_000, among=made.ids().tolist())
    assert len(everything[0][0]) == 8_000


def test_what_lists_find_is_ranked_again_by_the_rows_themselves():
    """A byte a dimension tells no two of these apart, and the order is that of the rows."""
    rng = np.random.default_rng(2)
    rows = np.concatenate([ROWS, ROWS[0] + 1e-3 * rng.normal(size=(30, 16))])
    rows = rows.astype(np.float16).astype(np.float32)
    made, _ = index(1_000, rows)
    _, coarse = made._index.search(ROWS[:1], 10)
    ((found, scores),) = made.search(ROWS[:1], 10)

    exact = rows @ ROWS[0]
    np.testing.assert_allclose(scores, np.sort(exact)[::-1][:10], rtol=1e-6)
    assert coarse[0].tolist() != found.tolist()
