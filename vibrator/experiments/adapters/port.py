"""The port between an experiment and the system that it measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class DomainAdapter(Protocol):
    """Collects, summarises and describes; it decides nothing."""

    def collect_metrics(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What is known now of these items, each with its `id`; items without news are left out."""
        ...

    def get_signals(self, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`primary_metric` and `secondary_metrics` of some items; None where none was measured."""
        ...

    def format_context(
        self, top_items: Sequence[Mapping[str, Any]], bottom_items: Sequence[Mapping[str, Any]]
    ) -> str:
        """Words about the best and the worst items, for whoever proposes the next experiment."""
        ...

    def describe(self) -> str:
        """What this is, in one line; a simulated source says so."""
        ...


def mean_of(metrics: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The mean over the items that have the metric; None if none has.

    >>> mean_of([{"views": 2}, {"views": None}, {"views": 4}], "views"), mean_of([{}], "views")
    (3.0, None)
    """
    values = [item[name] for item in metrics if item.get(name) is not None]
    return float(sum(values) / len(values)) if values else None


def listed(title: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """A title and a line an item."""
    lines = [
        f"  [{item.get('id', '?')}] "
        + " ".join(f"{name}={value}" for name, value in item.items() if name != "id")
        for item in items
    ]
    return [title, *(lines or ["  none yet"])]
