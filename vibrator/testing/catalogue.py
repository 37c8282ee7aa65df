"""What every Catalogue has to keep to; `adapter(tenant)` opens one, empty at first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vibrator.errors import ArtefactError, BadInput
from vibrator.stores.ports import Catalogue, Item
from vibrator.testing.refusing import refused
from vibrator.vectors import top_k, unit

Adapter = Callable[[str], Catalogue]
MADE_BY = "encoder-1"
WIDTH = 8
ITEMS = [
    Item(item_id="grpc", text="a guide to gRPC", attributes={"topic": "code", "minutes": 40}),
    Item(item_id="cake", text="plum cake", attributes={"topic": "food", "minutes": 30}),
    Item(item_id="ridge", text="a ridge walk", attributes={"topic": "trails", "minutes": 300}),
]
AXES = np.eye(WIDTH, dtype=np.float32)[:3]


def filled(adapter: Adapter, tenant: str = "a") -> Catalogue:
    """A catalogue with three items on three axes."""
    catalogue = adapter(tenant)
    catalogue.upsert(ITEMS, AXES, fingerprint=MADE_BY)
    return catalogue


def names(
    catalogue: Catalogue, query: Any, k: int = 3, where: dict[str, Any] | None = None
) -> list[str]:
    """The ids found for one query."""
    rows = np.asarray([query], np.float32)
    (found,) = catalogue.search(rows, k, fingerprint=MADE_BY, where=where)
    return [one.item_id for one in found]


QUERY = 0.9 * AXES[0] + 0.5 * AXES[1] + 0.1 * AXES[2]


class CatalogueContract:
    """Nearest first, filtered, replaced and removed at once."""

    def test_an_empty_one_finds_nothing(self, adapter: Adapter) -> None:
        assert names(adapter("a"), QUERY) == []

    def test_nearest_first_with_dot_products(self, adapter: Adapter) -> None:
        (found,) = filled(adapter).search(QUERY[None], 2, fingerprint=MADE_BY)
        assert [one.item_id for one in found] == ["grpc", "cake"]
        np.testing.assert_allclose([one.similarity for one in found], [0.9, 0.5], atol=2e-3)

    def test_each_query_its_own_answer(self, adapter: Adapter) -> None:
        found = filled(adapter).search(AXES[::-1], 1, fingerprint=MADE_BY)
        assert [one.item_id for (one,) in found] == ["ridge", "cake", "grpc"]

    def test_items_are_read_in_order(self, adapter: Adapter) -> None:
        ridge, unknown, cake = filled(adapter).read(["ridge", "unknown", "cake"])
        assert (ridge, unknown, cake) == (ITEMS[2], None, ITEMS[1])

    def test_filters(self, adapter: Adapter) -> None:
        catalogue = filled(adapter)
        assert names(catalogue, QUERY, where={"topic": "food"}) == ["cake"]
        assert names(catalogue, QUERY, where={"topic": ["food", "trails"]}) == ["cake", "ridge"]
        assert names(catalogue, QUERY, where={"minutes": {">=": 40}}) == ["grpc", "ridge"]
        quick = {"minutes": {"<": 100}, "topic": {"!=": "food"}}
        assert names(catalogue, QUERY, where=quick) == ["grpc"]
        assert names(catalogue, QUERY, where={"topic": "x' OR 1=1 --"}) == []
        assert names(catalogue, QUERY, where={"absent": 1}) == []

    def test_a_filter_compares_like_with_like(self, adapter: Adapter) -> None:
        catalogue = adapter("a")
        odd = {"a": True, "n": 40, "t": "40", "l": ["x"], 'a "quoted" \\ name': 1}
        catalogue.upsert(
            [Item(item_id="1", text="t", attributes=odd)], AXES[:1], fingerprint=MADE_BY
        )

        def fits(where: dict[str, Any]) -> bool:
            return names(catalogue, QUERY, where=where) == ["1"]

        yes: list[dict[str, Any]] = [
            {"a": True}, {"n": 40.0}, {"t": "40"}, {'a "quoted" \\ name': 1}, {"n": ["40", 40]},
            {"t": {"<": "5"}},
        ]  # fmt: skip
        no: list[dict[str, Any]] = [
            {"n": "40"}, {"t": 40}, {"n": {"<": "a"}}, {"n": []}, {"l": "x"},
            {"n": {"<": 50, ">": 41}},
        ]  # fmt: skip
        assert [fits(where) for where in yes] == [True] * len(yes)
        assert [fits(where) for where in no] == [False] * len(no)

    def test_a_question_that_cannot_be_asked_is_refused(self, adapter: Adapter) -> None:
        catalogue = filled(adapter)
        for rows, k in ((AXES, -1), (AXES[0], 1), (AXES[:, :5], 1), (AXES * np.nan, 1)):
            with refused(BadInput):
                catalogue.search(rows, k, fingerprint=MADE_BY)
        assert catalogue.search(AXES[:1], 0, fingerprint=MADE_BY) == [[]]

    def test_a_filter_that_cannot_be_understood_is_refused(self, adapter: Adapter) -> None:
        with refused(BadInput):
            names(filled(adapter), QUERY, where={"minutes": {"about": 40}})

    def test_an_item_is_replaced(self, adapter: Adapter) -> None:
        catalogue = filled(adapter)
        moved = Item(item_id="cake", text="carrot cake", attributes={"topic": "code"})
        catalogue.upsert([moved], AXES[:1] * 2, fingerprint=MADE_BY)
        assert names(catalogue, AXES[0], k=2) == ["cake", "grpc"]
        assert names(catalogue, AXES[0], where={"topic": "food"}) == []
        assert catalogue.read(["cake"]) == [moved]

    def test_a_deleted_item_is_gone(self, adapter: Adapter) -> None:
        catalogue = filled(adapter)
        assert names(catalogue, QUERY)[0] == "grpc"
        assert catalogue.delete(["grpc", "unknown"]) == 1
        assert names(catalogue, QUERY) == ["cake", "ridge"]
        assert catalogue.read(["grpc"]) == [None]

    def test_a_second_reader_sees_the_change(self, adapter: Adapter) -> None:
        first, second = filled(adapter), adapter("a")
        assert names(second, QUERY) == ["grpc", "cake", "ridge"]
        first.delete(["grpc"])
        first.upsert(ITEMS[1:2], AXES[2:] * 3, fingerprint=MADE_BY)
        assert names(second, AXES[2]) == ["cake", "ridge"]

    def test_another_encoder_is_refused(self, adapter: Adapter) -> None:
        catalogue = filled(adapter)
        with refused(ArtefactError):
            catalogue.upsert(ITEMS, AXES, fingerprint="encoder-2")
        with refused(ArtefactError):
            catalogue.search(AXES, 1, fingerprint="encoder-2")

    def test_rows_without_items_are_refused(self, adapter: Adapter) -> None:
        with refused(BadInput):
            adapter("a").upsert(ITEMS[:1], AXES, fingerprint=MADE_BY)

    def test_many_items_are_found_as_comparing_all_finds_them(self, adapter: Adapter) -> None:
        rng = np.random.default_rng(0)
        rows = unit(rng.normal(size=(600, WIDTH))).astype(np.float16).astype(np.float32)
        catalogue = adapter("a")
        items = [Item(item_id=str(n), text=f"text {n}") for n in range(600)]
        catalogue.upsert(items, rows, fingerprint=MADE_BY)
        shared = 0
        for query in rows[:20]:
            best = {str(n) for n in top_k(rows @ query, 10)}
            shared += len(best & set(names(catalogue, query, k=10)))
        assert shared >= 190  # of 200: approximate indexes may miss a few

    def test_tenants_do_not_see_each_other(self, adapter: Adapter) -> None:
        filled(adapter)
        other = adapter("b")
        assert names(other, QUERY) == []
        assert other.read(["grpc"]) == [None]
        assert other.delete(["grpc"]) == 0
