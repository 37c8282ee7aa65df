"""What every VectorCache has to keep to; `adapter(tenant)` opens one, empty at first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vibrator.encoders.cached import VectorCache, VectorKind
from vibrator.errors import BadInput
from vibrator.testing.refusing import refused

Adapter = Callable[[str], VectorCache]
KIND = VectorKind(model="tiny", revision="1", dimensions=4)
ROWS = np.array([[0.5, -0.25, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0]], np.float32)


def keys(*texts: str) -> list[str]:
    """The keys of texts."""
    return [KIND.key("Represent: ", text) for text in texts]


class VectorCacheContract:
    """n in, n out, in half precision; whatever it has not forgotten is right."""

    def test_what_was_put_is_got(self, adapter: Adapter) -> None:
        cache = adapter("a")
        cache.put_many(keys("tent", "cake"), ROWS)
        cake, unknown, tent = cache.get_many(keys("cake", "unknown", "tent"))

        assert unknown is None
        assert cake is not None
        assert tent is not None
        assert cake.dtype == tent.dtype == np.float32
        np.testing.assert_array_equal([tent, cake], ROWS)

    def test_a_key_is_replaced(self, adapter: Adapter) -> None:
        cache = adapter("a")
        cache.put_many(keys("tent"), ROWS[:1])
        cache.put_many(keys("tent"), ROWS[1:])
        np.testing.assert_array_equal(cache.get_many(keys("tent"))[0], ROWS[1])

    def test_nothing_asked_is_nothing_got(self, adapter: Adapter) -> None:
        cache = adapter("a")
        cache.put_many([], np.empty((0, 4), np.float32))
        assert cache.get_many([]) == []

    def test_many_at_once(self, adapter: Adapter) -> None:
        cache = adapter("a")
        names = keys(*(f"text {n}" for n in range(2_500)))
        rows = np.repeat(np.arange(2_500, dtype=np.float32)[:, None], 4, axis=1) / np.float32(4)
        cache.put_many(names, rows)
        found = cache.get_many(names[::-1])
        np.testing.assert_array_equal(found, np.asarray(rows[::-1], np.float16))

    def test_a_key_asked_twice_is_got_twice(self, adapter: Adapter) -> None:
        cache = adapter("a")
        cache.put_many(keys("tent"), ROWS[:1])
        assert len([v for v in cache.get_many(keys("tent") * 2) if v is not None]) == 2

    def test_rows_without_keys_are_refused(self, adapter: Adapter) -> None:
        with refused(BadInput):
            adapter("a").put_many(keys("tent"), ROWS)

    def test_tenants_do_not_see_each_other(self, adapter: Adapter) -> None:
        adapter("a").put_many(keys("tent"), ROWS[:1])
        assert adapter("b").get_many(keys("tent")) == [None]
