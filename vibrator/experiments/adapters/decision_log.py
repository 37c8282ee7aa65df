"""Vibrator's own decisions as the thing measured: slider texts, weights and policies on trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vibrator.actions import utc_now
from vibrator.checks import require_finite
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput
from vibrator.experiments.adapters.port import CLUSTER, compared, mean_of
from vibrator.stores.ports import DecisionLog, Which

EXPERIMENTS = "experiments"  # where a decision's context says which variant it was made under
MEASURED = ("reward", "dwell_ms", "acted")  # what is known of a decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Which outcomes answer a decision: those `within` a time of it, or all there are.

    With `within`, a decision is read when its time is over, so that each has the same time to be
    answered. One without a reward by then earned `unrewarded`; if that is None, it was not
    measured, and only people who answer are compared.
    """

    within: timedelta | None = None
    unrewarded: float | None = None
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        if self.within is not None and self.within <= timedelta(0):
            raise BadInput(f"within must be a time after the decision, got {self.within}")
        if self.unrewarded is None:
            return
        require_finite("unrewarded", self.unrewarded)
        if self.within is None:
            raise BadInput(
                "unrewarded needs `within`: without it a decision of just now would count as "
                "one that nobody answered"
            )

    def is_due(self, decision: Decision) -> bool:
        """Whether the time of this decision is over."""
        return self.within is None or self.clock() - decision.at >= self.within

    def measured(self, decision: Decision, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """Sums over the outcomes that count; what none of them told stays None."""
        counted = [o for o in outcomes if self.within is None or o.at - decision.at <= self.within]
        row: dict[str, Any] = {"id": decision.decision_id, "acted": int(decision.acted)}
        for name in ("reward", "dwell_ms"):
            values = [value for o in counted if (value := getattr(o, name)) is not None]
            row[name] = float(sum(values)) if values else None
        if row["reward"] is None:
            row["reward"] = self.unrewarded
        return row


class DecisionLogAdapter:
    """An item is a decision; what it measures is the reward, the dwell and whether it acted.

    Who saw what is read from the log too (`exposed`): a loop hands out nothing here, the
    application does when it decides, and writes the variant into the decision's context.
    """

    def __init__(self, log: DecisionLog, counting: Counting = Counting()) -> None:
        self.log, self.counting = log, counting

    def exposed(self, experiment_id: str) -> list[dict[str, Any]]:
        """The decisions made under an experiment, each with its user under another name.

        The name is the id of the first of these decisions that is known, which was drawn at random
        and is gone from the store when its user is: a ledger is only added to, and what it holds of
        somebody who was forgotten leads to nobody.
        """
        first: dict[str, str] = {}
        return [
            {
                "item_id": decision.decision_id,
                "variant": variant,
                CLUSTER: first.setdefault(decision.user_id, decision.decision_id),
            }
            for decision, variant in _exposures(self.log, experiment_id)
        ]

    def collect_metrics(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """One row a decision whose time is over; several outcomes add up."""
        wanted, told = set(item_ids), _outcomes(self.log)
        known = {d.decision_id: d for d in self.log.decisions(Which()) if d.decision_id in wanted}
        return [
            self.counting.measured(decision, told.get(name, ()))
            for name in item_ids
            if (decision := known.get(name)) is not None and self.counting.is_due(decision)
        ]

    def get_signals(self, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The mean reward; beside it all that is measured, by name."""
        return {
            "primary_metric": mean_of(metrics, "reward"),
            "secondary_metrics": {name: mean_of(metrics, name) for name in MEASURED},
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


def decision_frame(log: DecisionLog, experiment_id: str, counting: Counting = Counting()) -> Any:
    """A table with one row a decision of an experiment: variant, user_id, reward, dwell_ms, acted.

    The variant is read from `decision.context["experiments"][experiment_id]`, where it was written
    when the decision was made. Decisions of one user are not independent: analyse them with
    `Columns(cluster="user_id")`, after `first_variant_of_each` if somebody saw two variants.
    """
    import pandas as pd

    told = _outcomes(log)
    rows = [
        {
            **counting.measured(decision, told.get(decision.decision_id, ())),
            "variant": _label(variant, decision),
            "user_id": decision.user_id,
        }
        for decision, variant in _exposures(log, experiment_id)
        if counting.is_due(decision)
    ]
    columns = ["id", "variant", "user_id", "reward", "dwell_ms", "acted"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"reward": float, "dwell_ms": float, "acted": float})


def first_variant_of_each(frame: Any) -> Any:
    """The rows of a decision frame that a user saw under the first variant they were shown.

    Somebody sees two where weights changed, or where two ids turned out to be one person.
    """
    return frame[frame["variant"] == frame.groupby("user_id")["variant"].transform("first")]


def experiments_in(log: DecisionLog) -> list[str]:
    """The experiments that decisions of this log were made under."""
    return sorted({name for d in log.decisions(Which()) for name in _variants(d)})


def _exposures(log: DecisionLog, experiment_id: str) -> Iterator[tuple[Decision, Any]]:
    for decision in log.decisions(Which()):
        variant = _variants(decision).get(experiment_id)
        if variant is not None:
            yield decision, variant


def _label(variant: Any, decision: Decision) -> str:
    if not isinstance(variant, str):
        raise BadInput(
            f"the decision {decision.decision_id!r} must name its variant as a text, "
            f"got {variant!r:.80}"
        )
    return variant


def _variants(decision: Decision) -> Mapping[str, Any]:
    """What a decision says of experiments; the application may keep something else there."""
    found = decision.context.get(EXPERIMENTS)
    return found if isinstance(found, Mapping) else {}


def _outcomes(log: DecisionLog) -> dict[str, list[Outcome]]:
    told: dict[str, list[Outcome]] = {}
    for _, decision, outcome in log.outcomes(Which()):
        told.setdefault(decision.decision_id, []).append(outcome)
    return told
