"""The port between an experiment and the system that it measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from vibrator.errors import BadInput

PRIMARY = "primary_metric"
CLUSTER = "cluster"
Source = Callable[[Sequence[str]], list[dict[str, Any]]]  # from ids to rows


@runtime_checkable
class DomainAdapter(Protocol):
    """Collects, summarises and describes; it decides nothing."""

    def collect_metrics(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What is known now of these items, each with its `id`; items without news are left out."""
        ...

    def get_signals(self, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`primary_metric` and, by name, `secondary_metrics` of some items; all that is measured.

        None where it was measured of none of them, also of none at all.
        """
        ...

    def format_context(
        self, top_items: Sequence[Mapping[str, Any]], bottom_items: Sequence[Mapping[str, Any]]
    ) -> str:
        """Words about the best and the worst items, for whoever proposes the next experiment."""
        ...

    def describe(self) -> str:
        """What this is, in one line; a simulated source says so."""
        ...


@runtime_checkable
class Exposing(Protocol):
    """An adapter that also knows who saw which variant, because something else handed them out."""

    def exposed(self, experiment_id: str) -> list[dict[str, Any]]:
        """Items as `item_id`, `variant` and `cluster` (whose variant it was), oldest first.

        A cluster may have another name next time, as long as all its items have: who was known
        under an earlier one keeps it.
        """
        ...


def mean_of(metrics: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The mean over the items that have the metric; None if none has.

    >>> mean_of([{"views": 2}, {"views": None}, {"views": 4}], "views"), mean_of([{}], "views")
    (3.0, None)
    """
    values = [value for item in metrics if (value := number_in(item, name)) is not None]
    return sum(values) / len(values) if values else None


def number_in(item: Mapping[str, Any], name: str) -> float | None:
    """What an item says of a metric; None if nothing, refused if it is no finite number.

    >>> number_in({"views": True}, "views"), number_in({}, "views")
    (1.0, None)
    """
    value = item.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadInput(f"{name} must be a number, got {value!r} for {item.get('id', '?')!r}")
    return float(value)


def signals(
    metrics: Sequence[Mapping[str, Any]], primary: Callable[[Mapping[str, Any]], float | None]
) -> dict[str, Any]:
    """The mean of what decides, and of every other number, over the items that have it."""
    rows = [{**item, PRIMARY: primary(item)} for item in metrics]
    names = {name for item in metrics for name, value in item.items() if _may_be_read(name, value)}
    return {
        PRIMARY: mean_of(rows, PRIMARY),
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


def _may_be_read(name: str, value: Any) -> bool:
    """A number, a yes or no, or what is to become one."""
    return name not in ("id", "simulated") and (value is None or isinstance(value, (int, float)))
