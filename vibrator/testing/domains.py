"""What every DomainAdapter has to keep to; `adapter(ids)` opens one that measured these items."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from vibrator.experiments.adapters import DomainAdapter

Adapter = Callable[[Sequence[str]], DomainAdapter]
IDS = ("ada-1", "bruno-1", "chioma-1", "ada-2")
PRIMARY, BESIDE = "primary_metric", "secondary_metrics"


class DomainAdapterContract:
    """A row an item that is known, numbers or None, and nothing made up without saying so."""

    def rows(self, adapter: Adapter) -> list[dict[str, Any]]:
        return adapter(IDS).collect_metrics(IDS)

    def test_it_has_the_four_verbs(self, adapter: Adapter) -> None:
        assert isinstance(adapter(IDS), DomainAdapter)

    def test_every_item_that_was_measured_is_told_once(self, adapter: Adapter) -> None:
        assert sorted(row["id"] for row in self.rows(adapter)) == sorted(IDS)

    def test_only_what_was_asked_for_is_told(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        assert [row["id"] for row in opened.collect_metrics(IDS[1:2])] == [IDS[1]]
        assert opened.collect_metrics([]) == []

    def test_an_item_that_nobody_measured_is_left_out(self, adapter: Adapter) -> None:
        rows = adapter(IDS).collect_metrics(["nobody", *IDS])
        made_up = [row for row in rows if row["id"] == "nobody"]
        assert all(row.get("simulated") for row in made_up), "made up, and not called simulated"

    def test_asking_changes_nothing(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        assert opened.collect_metrics(IDS) == opened.collect_metrics(IDS)

    def test_together_is_as_one_by_one(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        together = {row["id"]: row for row in opened.collect_metrics(IDS)}
        assert together == {name: opened.collect_metrics([name])[0] for name in IDS}

    def test_rows_can_be_kept_as_json(self, adapter: Adapter) -> None:
        rows = self.rows(adapter)
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows

    def test_signals_are_finite_numbers_or_none(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        for row in opened.collect_metrics(IDS):
            signals = opened.get_signals([row])
            values = [signals[PRIMARY], *signals[BESIDE].values()]
            assert all(v is None or math.isfinite(v) for v in values)
            assert signals[PRIMARY] is not None, "an item that was measured has what decides"

    def test_nothing_measured_is_none_and_not_zero(self, adapter: Adapter) -> None:
        signals = adapter(IDS).get_signals([])
        assert signals[PRIMARY] is None
        assert set(signals[BESIDE].values()) <= {None}

    def test_what_is_missing_counts_for_nothing(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        (row,) = opened.collect_metrics(IDS[:1])
        empty = {**dict.fromkeys(row), "id": "empty"}
        assert opened.get_signals([empty])[PRIMARY] is None
        assert opened.get_signals([row, empty])[PRIMARY] == opened.get_signals([row])[PRIMARY]

    def test_several_items_lie_between_their_extremes(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        rows = opened.collect_metrics(IDS)
        alone = [opened.get_signals([row])[PRIMARY] for row in rows]
        margin = 1e-9 * (1 + max(map(abs, alone)))
        for some in (rows, rows[::-1]):
            together = opened.get_signals(some)[PRIMARY]
            assert min(alone) - margin <= together <= max(alone) + margin

    def test_it_says_what_it_is_in_one_line(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        assert opened.describe().strip()
        assert "\n" not in opened.describe()

    def test_words_about_items_there_are_always(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        rows = opened.collect_metrics(IDS)
        for some in ((rows[:1], rows[1:]), ([], [])):
            assert isinstance(opened.format_context(*some), str)

    def test_what_is_simulated_says_so(self, adapter: Adapter) -> None:
        opened = adapter(IDS)
        rows = opened.collect_metrics(IDS)
        simulated = any(row.get("simulated") for row in rows)
        assert bool(opened.get_signals(rows).get("simulated")) == simulated
        assert ("simulated" in opened.describe()) == simulated
