"""Decisions: what was shown, what was not, and what stood in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from vibrator.charts import Bar, Frame, bar_chart
from vibrator.decisions import Decision, Outcome
from vibrator.service.console.rendering import CHART_WIDTH, Page, Templates, ready, signed
from vibrator.service.house import House, desk_of
from vibrator.service.keys import READ
from vibrator.service.metrics import reasons_of
from vibrator.stores import Store, Which

PAGE = Page("Decisions", "/console/decisions")
COUNTED, SHOWN = 1_000, 30


def router(house: House, templates: Templates) -> APIRouter:
    """The page."""
    routes = APIRouter()

    @routes.get("/console/decisions")
    async def page(request: Request) -> Response:
        store = desk_of(request, READ).store
        decisions, came = await house.lane.run(with_outcomes, store, Which(newest=COUNTED))
        values: dict[str, Any] = {"decisions": decisions[:SHOWN], "came": came, "portrait": None}
        if decisions:
            values |= {"tiles": _tiles(decisions, came), "reasons": _reasons(decisions)}
        return templates.page(request, "decisions.html", PAGE.name, **values)

    return routes


def with_outcomes(store: Store, which: Which) -> tuple[list[Decision], dict[str, list[Outcome]]]:
    """The chosen decisions, newest first, and what came of each."""
    decisions = list(store.decisions.decisions(which))[::-1]
    known = {decision.decision_id for decision in decisions}
    came: dict[str, list[Outcome]] = {}
    for _, decision, outcome in store.decisions.outcomes(which):
        if decision.decision_id in known:
            came.setdefault(decision.decision_id, []).append(outcome)
    return decisions, came


def _tiles(
    decisions: Sequence[Decision], came: Mapping[str, Sequence[Outcome]]
) -> list[tuple[str, str]]:
    acted = sum(decision.acted for decision in decisions)
    rewards = [o.reward for told in came.values() for o in told if o.reward is not None]
    mean = signed(sum(rewards) / len(rewards), 2) if rewards else "–"
    return [
        (f"decisions, newest {COUNTED:,}", f"{len(decisions):,}"),
        ("showed something", f"{acted / len(decisions):.0%}"),
        ("answered", f"{len(came) / len(decisions):.0%}"),
        ("mean reward", mean),
    ]


def _reasons(decisions: Sequence[Decision]) -> Any:
    counts = Counter(reason for decision in decisions for reason in reasons_of(decision))
    bars = [Bar(reason, count) for reason, count in counts.most_common()]
    words = "for nothing shown: what stood in the way"
    return ready(bar_chart(bars, Frame("Why", words, width=CHART_WIDTH)))
