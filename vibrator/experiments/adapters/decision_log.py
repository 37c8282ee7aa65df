"""Vibrator's own decisions as the thing measured: slider texts, weights and policies on trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vibrator.decisions import Decision, Outcome
from vibrator.experiments.adapters.port import compared, mean_of
from vibrator.stores.ports import DecisionLog, Which

EXPERIMENTS = "experiments"  # where a decision's context says which variant it was made under


class DecisionLogAdapter:
    """An item is a decision; what it measures is the reward, the dwell and whether it acted.

    A decision without an outcome has no reward yet: it is left out until one comes.
    """

    def __init__(self, log: DecisionLog) -> None:
        self.log = log

    def collect_metrics(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """One row a decision that has an outcome; several outcomes add up."""
        told = _outcomes(self.log)
        wanted = [decision_id for decision_id in item_ids if decision_id in told]
        return [_measured(*told[decision_id]) for decision_id in wanted]

    def get_signals(self, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The mean reward, beside it the mean dwell and the share that acted."""
        names = ("dwell_ms", "acted")
        return {
            "primary_metric": mean_of(metrics, "reward"),
            "secondary_metrics": {name: mean_of(metrics, name) for name in names},
            "simulated": False,
        }

    def format_context(
        self, top_items: Sequence[Mapping[str, Any]], bottom_items: Sequence[Mapping[str, Any]]
    ) -> str:
        """The best and the worst decisions."""
        return compared(top_items, bottom_items)

    def describe(self) -> str:
        """One line."""
        return "decisions of this application, by their rewards"


def decision_frame(log: DecisionLog, experiment_id: str) -> Any:
    """A table with one row a decision of an experiment: variant, user_id, reward, dwell_ms, acted.

    The variant is read from `decision.context["experiments"][experiment_id]`, where it was written
    when the decision was made. Decisions of one user are not independent: analyse them with
    `Columns(cluster="user_id")`.
    """
    import pandas as pd

    told = _outcomes(log)
    rows = []
    for decision in log.decisions(Which()):
        variant = decision.context.get(EXPERIMENTS, {}).get(experiment_id)
        if variant is not None:
            outcomes = told[decision.decision_id][1] if decision.decision_id in told else []
            rows.append(
                {**_measured(decision, outcomes), "variant": variant, "user_id": decision.user_id}
            )
    columns = ["id", "variant", "user_id", "reward", "dwell_ms", "acted"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"reward": float, "dwell_ms": float, "acted": float})


def _outcomes(log: DecisionLog) -> dict[str, tuple[Decision, list[Outcome]]]:
    told: dict[str, tuple[Decision, list[Outcome]]] = {}
    for _, decision, outcome in log.outcomes(Which()):
        told.setdefault(decision.decision_id, (decision, []))[1].append(outcome)
    return told


def _measured(decision: Decision, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Sums over the outcomes; what no outcome told stays None."""
    row: dict[str, Any] = {"id": decision.decision_id, "acted": int(decision.acted)}
    for name in ("reward", "dwell_ms"):
        values = [value for o in outcomes if (value := getattr(o, name)) is not None]
        row[name] = float(sum(values)) if values else None
    return row
