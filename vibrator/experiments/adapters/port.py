"""The port between an experiment and the system that it measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

Source = Callable[[Sequence[str]], list[dict[str, Any]]]  # from ids to rows


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


def signals(
    metrics: Sequence[Mapping[str, Any]], primary: Callable[[Mapping[str, Any]], float | None]
) -> dict[str, Any]:
    """The mean of what decides, and of every other number, over the items that have it."""
    rows = [{**item, "primary_metric": primary(item)} for item in metrics]
    names = {name for item in metrics for name, value in item.items() if _is_number(value)}
    return {
        "primary_metric": mean_of(rows, "primary_metric"),
        "secondary_metrics": {name: mean_of(rows, name) for name in sorted(names)},
        "simulated": any(item.get("simulated", False) for item in metrics),
    }


def compared(top: Sequence[Mapping[str, Any]], bottom: Sequence[Mapping[str, Any]]) -> str:
    """The best and the worst items, a line each."""
    return "\n".join([*listed("Best:", top), *listed("Worst:", bottom)])


def listed(title: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """A title and a line an item."""
    lines = [
        f"  [{item.get('id', '?')}] "
        + " ".join(f"{name}={value}" for name, value in item.items() if name != "id")
        for item in items
    ]
    return [title, *(lines or ["  none yet"])]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
