"""What every EncoderModel has to keep to; `adapter()` opens one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vibrator.encoders.ports import EncoderModel

Adapter = Callable[[], EncoderModel]
INSTRUCTION = "Represent the content: "
TEXTS = ["a guide to gRPC", "plum cake", "a ridge walk", "日本 \U0001f3d4", "x" * 3_000]


class EncoderModelContract:
    """n in, n out, in order, finite, the same each time."""

    def test_it_says_what_it_is(self, adapter: Adapter) -> None:
        model = adapter()
        assert model.name.strip()
        assert model.revision.strip()
        assert model.dimensions >= 1

    def test_one_finite_row_a_text(self, adapter: Adapter) -> None:
        model = adapter()
        rows = model.vectors(INSTRUCTION, TEXTS)
        assert rows.shape == (len(TEXTS), model.dimensions)
        assert np.isfinite(rows).all()

    def test_no_texts_are_no_rows(self, adapter: Adapter) -> None:
        model = adapter()
        assert model.vectors(INSTRUCTION, []).shape == (0, model.dimensions)

    def test_order_is_kept(self, adapter: Adapter) -> None:
        model = adapter()
        forward = model.vectors(INSTRUCTION, TEXTS)
        backward = model.vectors(INSTRUCTION, TEXTS[::-1])
        np.testing.assert_allclose(forward, backward[::-1], atol=1e-3)

    def test_a_row_does_not_depend_on_its_company(self, adapter: Adapter) -> None:
        model = adapter()
        alone = model.vectors(INSTRUCTION, TEXTS[:1])
        np.testing.assert_allclose(alone[0], model.vectors(INSTRUCTION, TEXTS)[0], atol=1e-3)

    def test_different_words_have_different_rows(self, adapter: Adapter) -> None:
        first, second = adapter().vectors(INSTRUCTION, TEXTS[:2])
        assert not np.allclose(first, second, atol=1e-3)
