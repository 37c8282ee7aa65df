"""The experiments of a domain on one page: effects, looks, power left, and the whole program."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from vibrator.charts import WIDTH, Bar, Frame, Line, Mark, bar_chart, line_chart, percent, table
from vibrator.charts import page as html_page
from vibrator.experiments.adapters.port import PRIMARY
from vibrator.experiments.analysis import ALWAYS_VALID_FROM, Rules
from vibrator.experiments.design import Experiment, ExperimentState
from vibrator.experiments.ledger import Ledger
from vibrator.experiments.loop import load_state, verdict_on
from vibrator.experiments.patterns import Analyzer
from vibrator.experiments.program import program
from vibrator.experiments.verdict import STATES, Verdict
from vibrator.stats.power import power_left
from vibrator.stats.schedule import Schedule
from vibrator.stats.sequential import Looks, obrien_fleming

NAMES = {"pvalue": "p-value", "se": "standard error", "expected": "to expect"}
ON_PLAN = "on their steps: O'Brien-Fleming's bounds"
OFF_PLAN = "some came off their steps: from there on Lan and DeMets' bounds, the same error in all"
EFFECT = "difference from the control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a page about one domain shows, as plain values."""

    domain: str
    records: int
    simulated: bool
    running: tuple[Mapping[str, Any], ...]
    waiting: tuple[Mapping[str, Any], ...]
    concluded: tuple[Mapping[str, Any], ...]
    program: tuple[Mapping[str, Any], ...]
    patterns: tuple[Mapping[str, Any], ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not (self.records or self.running or self.waiting or self.concluded)


def overview(ledger: Ledger, domain: str, *, rules: Rules = Rules()) -> Overview:  # noqa: B008
    """Everything the page shows; running experiments only as may be looked at any time."""
    state = load_state(ledger, domain)
    analysis = Analyzer(ledger, _primary(state)).analyze(domain)
    trying = {experiment.variable for experiment in state.current}
    return Overview(
        domain=domain,
        records=analysis.total_records,
        simulated=any(r.metric_values.get("simulated") is True for r in ledger.query(domain)),
        running=tuple(_running(ledger, experiment, rules) for experiment in state.current),
        waiting=tuple(
            {
                "experiment": e.id,
                "variable": e.variable,
                "tried": " against ".join(e.labels),
                "tier": e.tier,
                "why": e.rationale,
            }
            for e in state.queue
        ),
        concluded=tuple(_concluded(entry) for entry in state.history),
        program=tuple(entry.row() for entry in program(state.history, alpha=rules.alpha)),
        patterns=tuple(p.row() for p in analysis.winning_patterns if p.variable not in trying),
    )


def _primary(state: ExperimentState) -> str:
    """The first goal of the latest experiment; records of a ledger alone call it as the port does.

    Where the settings named another metric on the way, this is the one that they name now.
    """
    running = [e.to_dict() for e in (*state.current, *state.queue)]
    goals = [m["name"] for e in (*running, *reversed(state.history))
             for m in e.get("metrics") or () if m.get("role", "goal") == "goal"]  # fmt: skip
    return goals[0] if goals else PRIMARY


def fragments(view: Overview, *, width: int = WIDTH) -> list[str]:
    """The page's parts as ready HTML, for the report and for the console alike."""
    if view.empty:
        return [
            "<p>Nothing was tried here yet. <code>vibrator experiment run</code> proposes, "
            "assigns, measures and concludes.</p>"
        ]
    parts = [part for entry in view.running for part in _running_parts(entry, width)]
    done = [entry for entry in reversed(view.concluded) if entry["status"] == "concluded"]
    dropped = [entry for entry in view.concluded if entry["status"] != "concluded"]
    parts += [part for entry in done for part in _concluded_parts(entry, width)]
    if view.patterns:
        parts.append(table(_short(view.patterns), "What leads, and how surely"))
    if view.program:
        parts.append(table(_short(view.program), "The program as a whole (online FDR)"))
    if dropped:
        shown = ("experiment", "variable", "tried", "state")
        parts.append(table([{name: e[name] for name in shown} for e in dropped], "Abandoned"))
    if view.waiting:
        parts.append(table(list(view.waiting), "Waiting"))
    return parts


def page(ledger: Ledger, domain: str, *, rules: Rules = Rules()) -> str:  # noqa: B008
    """One self-contained HTML page."""
    view = overview(ledger, domain, rules=rules)
    lead = f"{view.records} measurements, {len(view.running)} running, {len(view.concluded)} done."
    if view.simulated:
        lead += " The measurements are simulated."
    return html_page(f"Experiments: {domain}", fragments(view), lead)


def _running(ledger: Ledger, experiment: Experiment, rules: Rules) -> dict[str, Any]:
    """Only always-valid intervals: whoever looks at a page looks often."""
    records = ledger.query(experiment.domain, experiment_id=experiment.id)
    verdict = verdict_on(experiment, records, rules)
    return {
        "experiment": experiment.id,
        "variable": experiment.variable,
        "tried": " against ".join(experiment.labels),
        "description": experiment.description,
        "units": verdict.units,
        "split": verdict.split.severity,
        "share": verdict.look,
        "looks": experiment.looks,
        "looked": list(experiment.looked),
        "bounds": list(_bounds(experiment, rules)),
        "off_plan": _is_off_plan(experiment),
        "power_left": _power_left(experiment, verdict, rules),
        "effects": [
            _effect(f.metric, f.variant, f.difference, (f.always_valid.low, f.always_valid.high))
            for f in verdict.findings
            if math.isfinite(f.always_valid.width)
        ],
    }


def _concluded(entry: Mapping[str, Any]) -> dict[str, Any]:
    outcome = entry.get("outcome") or {}
    return {
        "experiment": entry["id"],
        "variable": entry["variable"],
        "tried": " against ".join(variant["label"] for variant in entry["variants"]),
        "status": entry["status"],
        "state": outcome.get("state") or outcome.get("reason", ""),
        "winner": outcome.get("winner"),
        "units": outcome.get("units", {}),
        "look": outcome.get("look"),
        "must_not": outcome.get("must_not", []),
        "effects": [
            _effect(f["metric"], f["variant"], f["difference"], ends)
            for f in outcome.get("findings", ())
            if None not in (ends := (f["interval_low"], f["interval_high"]))
        ],
    }  # fmt: skip


def _effect(
    metric: str, variant: str, difference: float, ends: tuple[float, float]
) -> dict[str, Any]:
    low, high = ends
    name = f"{metric}: {variant}"
    return {"label": name, "difference": difference, "low": low, "high": high}


def _looks(experiment: Experiment, rules: Rules) -> Looks:
    """The looks taken and the ones that the plan still has, with the |z| that stops at each."""
    if not experiment.looked:
        return obrien_fleming(experiment.looks, alpha=rules.alpha)
    return Schedule(experiment.looked, experiment.looks).ahead(rules.alpha)


def _bounds(experiment: Experiment, rules: Rules) -> Iterator[tuple[float, float]]:
    """Every look that can stop; one that came too early to spend anything cannot."""
    if experiment.planned is not None:
        looks = _looks(experiment, rules)
        pairs = zip(looks.fractions, looks.bounds, strict=True)
        yield from ((share, bound) for share, bound in pairs if math.isfinite(bound))


def _is_off_plan(experiment: Experiment) -> bool:
    looked = experiment.looked
    return bool(looked) and not Schedule(looked, experiment.looks).on_plan


def _power_left(experiment: Experiment, verdict: Verdict, rules: Rules) -> float | None:
    """For the first goal, if what was seen so far goes on to the last look."""
    goals = [finding for finding in verdict.findings if finding.role == "goal"]
    if not goals or verdict.final:
        return None
    critical = _looks(experiment, rules).bounds[-1]
    return power_left(goals[0].difference / goals[0].se, verdict.look, critical=critical)


def _running_parts(entry: Mapping[str, Any], width: int) -> Iterator[str]:
    arms = ", ".join(f"{label} {count}" for label, count in entry["units"].items())
    facts = [
        f"{entry['share']:.0%} of the plan ({arms})",
        f"Check of the split: {entry['split']}",
        f"Looks planned: {entry['looks']}, taken: {_shares(entry['looked'])}",
    ]
    if entry["power_left"] is not None:
        left = percent(entry["power_left"]) if entry["power_left"] >= 0.01 else "Less than 1%"
        facts.append(f"{left} power left if it goes on like this")
    yield _heading(f"{entry['variable']}: {entry['tried']} (running)", ". ".join(facts))
    words = "always-valid intervals: they may be read any time"
    yield from _bars(entry, Frame("Effects so far", words, EFFECT, width=width))
    if not entry["effects"]:
        yield f"<p>Effects are shown from {ALWAYS_VALID_FROM} units an arm on.</p>"
    if entry["bounds"]:
        yield _looks_chart(entry, width)


def _looks_chart(entry: Mapping[str, Any], width: int) -> str:
    fractions, bounds = zip(*entry["bounds"], strict=True)
    frame = Frame(
        title="Looks, taken and to come",
        subtitle=OFF_PLAN if entry["off_plan"] else ON_PLAN,
        x_label="share of the plan", y_label="|z| that stops", x_range=(0.0, 1.0),
        x_format=percent, width=width, height=240,
    )  # fmt: skip
    line = Line("stops beyond", fractions, bounds, dots=True)
    return line_chart([line], frame, [Mark(entry["share"], "now", axis="x")])


def _concluded_parts(entry: Mapping[str, Any], width: int) -> Iterator[str]:
    won = f": {entry['winner']} won" if entry["winner"] else ""
    arms = ", ".join(f"{label} {count}" for label, count in entry["units"].items())
    at = f", at {entry['look']:.0%} of the plan ({arms})" if entry["look"] is not None else ""
    yield _heading(
        f"{entry['variable']}: {entry['tried']}", f"{STATES[entry['state']].capitalize()}{won}{at}"
    )
    words = "intervals of the look that concluded it"
    yield from _bars(entry, Frame("Effects", words, EFFECT, width=width))
    if entry["must_not"]:
        lines = "".join(f"<li>{escape(words)}</li>" for words in entry["must_not"])
        yield f"<p>What must not be concluded:</p><ul>{lines}</ul>"


def _bars(entry: Mapping[str, Any], frame: Frame) -> Iterator[str]:
    bars = [Bar(e["label"], e["difference"], e["low"], e["high"]) for e in entry["effects"]]
    if bars:
        yield bar_chart(bars, frame)


def _shares(looked: Sequence[float]) -> str:
    return ", ".join(f"{look:.0%}" for look in looked) or "none"


def _heading(title: str, words: str) -> str:
    return f"<h2>{escape(title)}</h2><p>{escape(words)}.</p>"


def _short(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with readable numbers and column names."""
    words = {True: "yes", False: "no"}
    return [
        {
            NAMES.get(name, name.replace("_", " ")): words[value] if value is True or value is False
            else value
            for name, value in row.items()
        }
        for row in rows
    ]  # fmt: skip
