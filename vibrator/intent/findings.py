"""The findings of a replay or a simulation as files: tables, figures, and a page that explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from vibrator.charts import Bar, Frame, bar_chart, page, percent, table
from vibrator.datasets.events import EventLog
from vibrator.intent.replay import evaluate_policies_on_event_log
from vibrator.intent.settings import ReplaySettings
from vibrator.intent.simulation import rank_simulation
from vibrator.intent.summary import MEASURES, bootstrap_summary, friedman_nemenyi
from vibrator.optional import need

POSTHOC_FILES = {"conv": "posthoc_conv.csv", "trust": "posthoc_trust.csv", "vol": "posthoc_vol.csv"}
COLOURS = ("#2563c9", "#d1660a", "#0b8577", "#a63d87", "#7a6400", "#5b6472")
FIGURE_INCHES, FIGURE_DPI = (6.4, 3.6), 120
SIMULATED = {
    "conversion": "conversions by eligible person and step; what is not sent cannot convert",
    "trust": "messages that cost trust",
}
MEANINGS = {
    "conversion": "share of decisions whose slate held the item that came next",
    "trust": "share of decisions whose first item lay outside the user's two strongest interests",
    "volume": "share of decisions that showed anything",
}
HOW_TO_READ = """
<h2>How to read the proxies</h2>
<p>Nobody saw these slates. A conversion means that the user came upon the shown item without help,
so the rates are low, and lower still where people seldom repeat the popular; compare policies, not
levels.</p>
<p>A breach of trust is a first item from outside the two strongest slow interests. The liquid
policies choose their category from those same interests, so their rate is near zero partly
<em>by design</em>: it shows that the guard works, not that people would be content. What it costs
stands in conversion and volume.</p>
<p>The paper's column decides before it takes in the event at hand, pays the bandit for doing
nothing, leaves ties to a sort and lets p be zero; the other column mends all four.</p>
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that one replay found, with the settings it ran under."""

    settings: ReplaySettings
    per_user: pd.DataFrame
    summary: pd.DataFrame
    pvals: pd.DataFrame
    friedman: pd.DataFrame
    posthocs: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, log: EventLog, settings: ReplaySettings, *, paper: bool) -> Findings:
        """Replay a log and do the statistics."""
        per_user = evaluate_policies_on_event_log(*log, **settings.arguments(), paper=paper)
        summary, pvals = bootstrap_summary(
            per_user,
            settings.n_bootstrap,
            seed=settings.bootstrap_seed,
            trust_weight=settings.trust_weight,
            paper=paper,
        )
        return cls(settings, per_user, summary, pvals, *friedman_nemenyi(per_user))


def write_findings(
    folder: Path, name: str, both: Mapping[str, Findings], *, figures: bool = True
) -> list[Path]:
    """The files of a replay; `both` names the runs to compare, the first of them is written."""
    found = next(iter(both.values()))
    tables = {
        "per_user.csv": found.per_user,
        "summary.csv": found.summary,
        "pvals.csv": found.pvals,
        "friedman.csv": found.friedman,
    }
    paths = _write_tables(folder, tables, found.posthocs)
    if figures:
        paths += _draw_all(folder, name, found.summary)
    report = folder / "report.html"
    report.write_text(_replay_page(name, both), "utf-8")
    return [*paths, report]


def write_simulation(folder: Path, per_seed: pd.DataFrame, *, figures: bool = True) -> list[Path]:
    """The files of the simulation."""
    omnibus, posthocs = rank_simulation(per_seed)
    tables = {"sim_per_seed.csv": per_seed, "sim_friedman.csv": omnibus}
    paths = _write_tables(folder, tables, posthocs, prefix="sim_")
    summary = over_seeds(per_seed)
    if figures:
        paths += _draw_all(folder, "simulation", summary)
    report = folder / "report.html"
    bars = [_bars(summary, measure, "simulation", words) for measure, words in SIMULATED.items()]
    ranks = table(_rows(omnibus), "Friedman over the seeds")
    title = "Simulation: governed timing on a planted population"
    seeds = per_seed["seed"].nunique()
    lead = f"Means over {seeds} seeds with two standard errors of the mean."
    report.write_text(page(title, [*bars, ranks], lead), "utf-8")
    return [*paths, report]


def over_seeds(per_seed: pd.DataFrame) -> pd.DataFrame:
    """Means with two standard errors, in the columns of a summary."""
    rows = []
    for policy, runs in per_seed.groupby("policy", sort=False):
        row: dict[str, Any] = {"policy": policy}
        for measure, column in {
            "conversion": "conversion_rate",
            "trust": "trust_event_rate",
        }.items():
            mean, error = runs[column].mean(), runs[column].sem() if len(runs) > 1 else 0.0
            row |= {
                f"{measure}_mean": mean,
                f"{measure}_ci95_low": mean - 2 * error,
                f"{measure}_ci95_high": mean + 2 * error,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _write_tables(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    posthocs: Mapping[str, pd.DataFrame],
    prefix: str = "",
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for file, rows in tables.items():
        rows.to_csv(folder / file, index=False, lineterminator="\n")
    for short, p_values in posthocs.items():
        p_values.to_csv(folder / f"{prefix}{POSTHOC_FILES[short]}", lineterminator="\n")
    return [folder / f for f in (*tables, *(prefix + POSTHOC_FILES[short] for short in posthocs))]


def _draw_all(folder: Path, name: str, summary: pd.DataFrame) -> list[Path]:
    paths = [folder / f"fig_{name}_{measure}.png" for measure in _measures(summary)]
    for path, measure in zip(paths, _measures(summary), strict=True):
        _draw(path, f"{name}: {measure}", measure, summary)
    return paths


def _draw(path: Path, title: str, measure: str, summary: pd.DataFrame) -> None:
    """One bar a policy with its interval; no date inside, so that two runs give the same bytes."""
    figure = need("matplotlib.figure", extra="charts").Figure(figsize=FIGURE_INCHES)
    axes = figure.subplots()
    mean, low, high = (summary[f"{measure}_{end}"] for end in ("mean", "ci95_low", "ci95_high"))
    places = range(len(summary))
    errors = [(mean - low).clip(lower=0), (high - mean).clip(lower=0)]  # −1e-17 upsets matplotlib
    axes.bar(places, mean, yerr=errors, capsize=4, color=COLOURS[: len(summary)], width=0.62)
    axes.set_xticks(list(places), list(summary["policy"]))
    axes.set_title(title, loc="left")
    axes.set_ylabel(f"{measure}, mean and 95 % interval")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=FIGURE_DPI, metadata={"Software": None})


def _replay_page(name: str, both: Mapping[str, Findings]) -> str:
    found = next(iter(both.values()))
    parts = [
        _bars(run.summary, measure, f"{name}, {label}", words)
        for measure, words in MEANINGS.items()
        for label, run in both.items()
    ]
    users, decisions = len(found.per_user), int(found.per_user["n_decisions"].sum())
    lead = f"{decisions:,} decisions of {users:,} users; intervals from a bootstrap over users."
    sections = [
        *parts,
        table(list(_side_by_side(both)), "Means, side by side"),
        *(table(_rows(run.pvals), f"Against Triggers, {label}") for label, run in both.items()),
        *(table(_rows(run.friedman), f"Friedman, {label}") for label, run in both.items()),
        table(list(_settings_rows(both)), "Settings"),
        HOW_TO_READ,
    ]
    return page(f"Replay of {name}", sections, lead)


def _bars(summary: pd.DataFrame, measure: str, where: str, meaning: str) -> str:
    bars = [
        Bar(
            row["policy"],
            row[f"{measure}_mean"],
            min(row[f"{measure}_ci95_low"], row[f"{measure}_mean"]),
            max(row[f"{measure}_ci95_high"], row[f"{measure}_mean"]),
        )
        for row in _rows(summary)
    ]
    frame = Frame(f"{measure.capitalize()} ({where})", meaning, x_format=percent)
    return bar_chart(bars, frame)


def _side_by_side(both: Mapping[str, Findings]) -> Iterable[dict[str, Any]]:
    for place, policy in enumerate(next(iter(both.values())).summary["policy"]):
        row = {"policy": policy}
        for measure in (*MEASURES.values(), "net"):
            for label, run in both.items():
                row[f"{measure}, {label}"] = run.summary[f"{measure}_mean"].iloc[place]
        yield row


def _settings_rows(both: Mapping[str, Findings]) -> Iterable[dict[str, Any]]:
    for item in fields(ReplaySettings):
        values = {label: getattr(run.settings, item.name) for label, run in both.items()}
        yield {"setting": item.name, **values}


def _measures(summary: pd.DataFrame) -> list[str]:
    return [measure for measure in MEASURES.values() if f"{measure}_mean" in summary]


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows
