"""A program of experiments as a whole: false discoveries over all of them, effects as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vibrator.stats.multiplicity import OnlineFdr
from vibrator.stats.rows import Row
from vibrator.stats.shrinkage import Population, population


@dataclass(frozen=True, slots=True)
class Entry(Row):
    """One concluded experiment: its strongest goal, and whether it counts in the whole program.

    `level` is what online FDR left for it when its turn came; `expected` is the effect after
    shrinkage towards what experiments of this program usually find.
    """

    experiment: str
    variable: str
    variant: str
    difference: float
    se: float
    pvalue: float
    level: float
    discovery: bool
    expected: float


def program(history: Sequence[Mapping[str, Any]], *, alpha: float = 0.05) -> list[Entry]:
    """The concluded experiments of a history in the order in which they were concluded."""
    told = [(entry, best) for entry in history if (best := _strongest(entry)) is not None]
    usual = usual_effects(history)
    state, entries = OnlineFdr(alpha), []
    for entry, best in told:
        level, state = state.level, state.learn(best["pvalue"])
        expected = usual.shrink(best["difference"], best["se"])[0] if usual else best["expected"]
        entries.append(
            Entry(
                entry["id"], entry["variable"], best["variant"], best["difference"], best["se"],
                best["pvalue"], level, best["pvalue"] <= level, expected,
            )
        )  # fmt: skip
    return entries


def usual_effects(history: Sequence[Mapping[str, Any]]) -> Population | None:
    """What experiments of this history usually find; None before there are two."""
    told = [best for entry in history if (best := _strongest(entry)) is not None]
    if len(told) < 2:
        return None
    return population([best["difference"] for best in told], [best["se"] for best in told])


def _strongest(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The goal with the smallest p-value; its number of siblings is paid for (Bonferroni)."""
    outcome = entry.get("outcome") or {}
    goals = [f for f in outcome.get("findings", ()) if f["role"] == "goal" and f["se"] > 0]
    if entry.get("status") != "concluded" or not goals:
        return None
    best = min(goals, key=lambda finding: finding["stopped_pvalue"])
    return {**best, "pvalue": min(best["stopped_pvalue"] * len(goals), 1.0)}
