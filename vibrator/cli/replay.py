"""`vibrator replay`: what governed policies would have done along an event log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.cli._output import Format, note, show
from vibrator.errors import BadInput, BadRows
from vibrator.optional import need

if TYPE_CHECKING:
    from vibrator.datasets.events import EventLog
    from vibrator.intent.settings import Configuration

PANEL = "Rehearse"
SIMULATION = "simulation"
SHOWN_ROWS = 5
MEASURES = ("conversion", "trust", "volume", "net")


def run(
    dataset: str = typer.Option(
        "",
        help="movielens, retailrocket, rees46, simulation, or the path of a CSV or parquet file.",
    ),
    every: bool = typer.Option(False, "--all", help="Every set that is in the data directory."),
    data_dir: Path = typer.Option(Path("data"), help="Where the data sets lie."),
    output_dir: Path = typer.Option(Path("replay"), help="Where tables, figures, report go."),
    config: Path | None = typer.Option(None, help="YAML file; see configs/default.yaml."),
    paper: bool = typer.Option(False, help="Keep the paper's choices, to reproduce its tables."),
    figures: bool = typer.Option(True, help="Draw the PNG figures (needs the extra: charts)."),
    skip_bad_rows: bool = typer.Option(False, help="Go on without rows that break rules."),
    output_format: Format = typer.Option(Format.table, "--format", help="How stdout is written."),
) -> None:
    """Replay an event log under four governed policies, and judge them by what people did next.

    Example: vibrator replay --dataset movielens --data-dir data --output-dir replay/movielens
    """
    from vibrator.intent.settings import Configuration, read_configuration

    if bool(dataset) == every:
        raise BadInput("give either --dataset NAME or --all")
    if figures:
        need("matplotlib", extra="charts")
    settings = read_configuration(config) if config else Configuration()
    work = _Work(settings, data_dir, paper=paper, figures=figures, skip_bad_rows=skip_bad_rows)
    rows = work.everything(output_dir) if every else work.one(dataset, output_dir)
    show(rows, output_format, title="Replay")


class _Work:
    """One run of the command: its options, and what it does with them."""

    def __init__(
        self,
        settings: Configuration,
        data_dir: Path,
        *,
        paper: bool,
        figures: bool,
        skip_bad_rows: bool,
    ) -> None:
        self.settings, self.data_dir = settings, data_dir
        self.paper, self.figures, self.skip_bad_rows = paper, figures, skip_bad_rows

    def everything(self, output_dir: Path) -> list[dict[str, Any]]:
        """All sets that are present, and the simulation; the others are named with their cure."""
        from vibrator.datasets.event_logs import EVENT_LOGS

        rows = self.one(SIMULATION, output_dir / SIMULATION)
        for name, source in EVENT_LOGS.items():
            if source.find(self.data_dir):
                rows += self.one(name, output_dir / name)
            else:
                note(f"{name} is not in {self.data_dir}: {source.how_to_get}")
        return rows

    def one(self, dataset: str, folder: Path) -> list[dict[str, Any]]:
        """One set: its files are written, its means come back."""
        if dataset == SIMULATION:
            return self._simulate(folder)
        from vibrator.intent.findings import Findings, write_findings

        log, name = self._load(dataset), Path(dataset).stem
        runs = {
            "as in the paper" if paper else "mended": Findings.of(
                log, self.settings.of(name, paper=paper), paper=paper
            )
            for paper in (self.paper, not self.paper)
        }
        write_findings(folder, name, runs, figures=self.figures)
        note(f"{name}: {folder / 'report.html'}")
        return _means(name, next(iter(runs.values())).summary)

    def _simulate(self, folder: Path) -> list[dict[str, Any]]:
        from vibrator.intent.findings import over_seeds, write_simulation
        from vibrator.intent.simulation import simulate_policies

        per_seed = simulate_policies(self.settings.simulation)
        write_simulation(folder, per_seed, figures=self.figures)
        note(f"{SIMULATION}: {folder / 'report.html'}")
        return _means(SIMULATION, over_seeds(per_seed))

    def _load(self, dataset: str) -> EventLog:
        from vibrator.datasets.event_logs import EVENT_LOGS, load_event_file, load_event_log
        from vibrator.datasets.events import RowReport

        if dataset not in EVENT_LOGS:
            return load_event_file(dataset)
        report = RowReport()
        log = load_event_log(dataset, self.data_dir, report=report)
        for row in report.rows[:SHOWN_ROWS]:
            note(f"left out: {row}")
        if report.count > report.torn and not self.skip_bad_rows:
            raise BadRows(f"{report}; --skip-bad-rows goes on without them", report)
        return log


def _means(dataset: str, summary: Any) -> list[dict[str, Any]]:
    """Rows of one shape for every set; the simulation knows neither volume nor net."""
    return [
        {
            "dataset": dataset,
            "policy": row["policy"],
            **{measure: row.get(f"{measure}_mean", "") for measure in MEASURES},
        }
        for row in summary.to_dict("records")
    ]
