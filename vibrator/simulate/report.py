"""A rehearsal on one page: the reward curve, the actions, the personas, the differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vibrator.charts import WIDTH, Bar, Frame, Line, bar_chart, line_chart, page, table
from vibrator.simulate.results import (
    Difference,
    action_shares,
    differences,
    persona_rows,
    policy_rows,
    reward_curves,
)
from vibrator.simulate.runner import ORACLE, Run, by_policy

SUMMARY = ("policy", "reward", "low", "high", "regret")


def report_data(runs: Sequence[Run], *, baseline: str | None = None) -> dict[str, Any]:
    """Everything on the page as plain values."""
    against = baseline or runs[0].policy
    return {
        "seeds": len({run.seed for run in runs}),
        "events": len(runs[0].rewards),
        "baseline": against,
        "policies": [row.row() for row in policy_rows(runs)],
        "differences": [row.row() for row in differences(runs, against)],
        "actions": [{"policy": name} | action_shares(r) for name, r in by_policy(runs).items()],
        "personas": persona_rows(runs),
    }


def reward_chart(runs: Sequence[Run], *, width: int = WIDTH) -> str:
    """The mean reward so far, event by event, as SVG with bands over seeds."""
    lines = [
        Line(curve.policy, curve.events, curve.mean, curve.low, curve.high)
        for curve in reward_curves(runs)
    ]
    seeds = len({run.seed for run in runs})
    frame = Frame(
        "Reward so far",
        subtitle=f"mean over {seeds} seeds with 95% bands, the same events for every policy",
        x_label="events",
        y_label="mean reward",
        width=width,
    )
    return line_chart(lines, frame)


def difference_chart(found: Sequence[Difference], *, width: int = WIDTH) -> str:
    """Differences from the baseline with their paired intervals, as SVG."""
    bars = [Bar(row.policy, row.difference, row.low, row.high, note=_needed(row)) for row in found]
    title = f"Reward less that of {found[0].baseline}"
    return bar_chart(bars, Frame(title, subtitle="paired 95% intervals", width=width))


def fragment(runs: Sequence[Run], *, baseline: str | None = None, width: int = WIDTH) -> str:
    """The report as HTML without a page around it, for a console."""
    return "".join(_sections(runs, baseline, width))


def report_page(runs: Sequence[Run], *, baseline: str | None = None) -> str:
    """The report as one self-contained HTML page."""
    return page("Rehearsal", _sections(runs, baseline), lead=_lead(runs))


def _sections(runs: Sequence[Run], baseline: str | None, width: int = WIDTH) -> list[str]:
    data = report_data(runs, baseline=baseline)
    found = [row for row in differences(runs, data["baseline"]) if row.policy != ORACLE]
    parts = [reward_chart(runs, width=width)]
    if found:
        parts.append(difference_chart(found, width=width))
    summary = [{name: row[name] for name in SUMMARY} for row in data["policies"]]
    return [
        *parts,
        table(_dashed(summary), "Policies, best first"),
        table(data["actions"], "What people did: shares of all events"),
        table(_crossed(data["personas"]), "Person by person: mean reward"),
    ]


def _lead(runs: Sequence[Run]) -> str:
    seeds, events = len({run.seed for run in runs}), len(runs[0].rewards)
    people = len(set(runs[0].personas))
    return (
        f"{events:,} events with {people} simulated people on each of {seeds} seeds. A simulator "
        "is only as good as its likeness: check it against your log before you trust it."
    )


def _needed(row: Difference) -> str:
    if row.events is None or row.verdict == "not told apart":
        return row.verdict
    return f"{row.verdict}; an A/B test would need {row.events:,.0f} events an arm to see it"


def _crossed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a persona, a column a policy."""
    people: dict[str, dict[str, Any]] = {}
    for row in rows:
        person = {"persona": row["persona"], "events": row["events"]}
        people.setdefault(row["persona"], person)[row["policy"]] = row["reward"]
    return list(people.values())


def _dashed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: "–" if v is None else v for k, v in row.items()} for row in rows]
