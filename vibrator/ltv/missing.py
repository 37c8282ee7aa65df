"""What stands for a number that is not known: decided once, on training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput
from vibrator.ltv.columns import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def _mode(values: Floats) -> float:
    kinds, counts = np.unique(values, return_counts=True)
    return float(kinds[np.argmax(counts)])


FILLS: dict[str, Callable[[Floats], float]] = {
    "keep": lambda _: float("nan"),
    "zero": lambda _: 0.0,
    "median": lambda known: float(np.median(known)) if known.size else 0.0,
    "mode": lambda known: _mode(known) if known.size else 0.0,
    "flag": lambda known: float(np.median(known)) if known.size else 0.0,
}


@dataclass(frozen=True, slots=True)
class MissingPolicy:
    """One policy for all number columns, and others by name.

    `keep` leaves the gap to the trees, which can split on it; `flag` fills in the median and
    adds a column that says where.
    """

    policy: str = "keep"
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (self.policy, *self.columns.values()):
            if name not in FILLS:
                raise BadInput(f"missing policy must be one of {sorted(FILLS)}, got {name!r}")

    def of(self, column: str) -> str:
        """The policy of a column."""
        return self.columns.get(column, self.policy)


def fit_fills(view: View, names: list[str], policy: MissingPolicy) -> dict[str, float | None]:
    """The value that fills each column's gaps, None for a gap that stays."""
    fills: dict[str, float | None] = {}
    for name in names:
        values = view.number(name)
        fill = FILLS[policy.of(name)](values[np.isfinite(values)])
        fills[name] = None if np.isnan(fill) else fill
    return fills


def fill_gaps(
    view: View, fills: Mapping[str, float | None], policy: MissingPolicy
) -> dict[str, Floats]:
    """Fill the view's columns in place; gives back the flags that were asked for."""
    flags = {}
    for name, fill in fills.items():
        if fill is None:
            continue
        values = view.number(name)
        gap = ~np.isfinite(values)
        if policy.of(name) == "flag":
            flags[f"{name}_missing"] = gap.astype(float)
        view.put(name, np.where(gap, fill, values))
    return flags
