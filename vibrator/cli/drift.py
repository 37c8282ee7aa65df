"""`vibrator drift`: whether probabilities still hold."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from vibrator.cli._files import COLUMNS, SKIP, TIMEZONE, Reading, read_rows
from vibrator.cli._output import Format, note, show
from vibrator.errors import BadInput
from vibrator.writing import write_text

PANEL = "Learn"


def run(
    scored: Path = typer.Argument(..., help="Rows with timestamp, probability, outcome."),
    window_days: float = typer.Option(7.0, min=0.001, help="Days that are judged together."),
    false_alarm: float = typer.Option(0.05, help="Chance of ever asking for a needless refit."),
    tolerated_odds: float = typer.Option(1.1, min=1.0, help="Odds may be off by this factor."),
    svg: Path | None = typer.Option(None, help="Draw the evidence over time."),
    column: list[str] = COLUMNS,
    timezone: str = TIMEZONE,
    skip_bad_rows: bool = SKIP,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Watch calibration over time, as often as you like; exits 1 when a refit is needed.

    Example: vibrator drift scored.csv --window-days 7
    """
    from vibrator.calibration import DriftMonitor

    rows = read_rows(scored, _fields(timezone), Reading.of(column, timezone, skip=skip_bad_rows))
    if not rows:
        raise BadInput(f"{scored} must hold at least one outcome, found none")
    monitor = DriftMonitor(
        timedelta(days=window_days), false_alarm=false_alarm, tolerated_odds=tolerated_odds
    )
    report = monitor.check(
        [row["timestamp"] for row in rows],
        [row["probability"] for row in rows],
        [row["outcome"] for row in rows],
    )
    show([_row(one) for one in report.rows], how)
    if svg is not None:
        write_text(svg, report.to_svg())
    note(report.why())
    if report.refit_needed:
        raise typer.Exit(1)


def _fields(timezone: str) -> list[Any]:
    from vibrator.cli._fields import OUTCOME, time_field
    from vibrator.datasets.fields import Field, read_number

    return [time_field(timezone), Field("probability", read_number, required=True), OUTCOME]


def _row(one: Any) -> dict[str, Any]:
    return {
        "from": f"{one.start:%Y-%m-%d %H:%M}",
        "outcomes": one.count,
        "said": one.said,
        "happened": one.happened,
        "brier": one.brier_score,
        "smooth_ece": one.smooth_ece,
        "log10_odds": one.log10_evidence,
        "refit": one.alarm,
    }
