"""Lifetime value on the command line: explore, train, evaluate, predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from vibrator.cli._output import Format, note, show
from vibrator.writing import write_text

PANEL = "Value"
app = typer.Typer(help="Who buys, how much, by which day.", no_args_is_help=True)

USUAL = Path("configs/ltv.yaml")
CONFIG = typer.Option(
    None, "--config", "-c", help=f"The one configuration; {USUAL} where there is one."
)
DATA = typer.Option(None, "--data", help="Rows to use instead of paths.data.")
MODEL = typer.Option(None, "--model", help="Model folder to use instead of paths.artefact.")
FORMAT = typer.Option(Format.table, "--format", help="How rows are printed.")
HTML = typer.Option(None, "--html", help="Write a page here, too.")


def _config(path: Path | None, data: Path | None, model: Path | None) -> Any:
    from dataclasses import replace

    from vibrator.ltv.config import load_config

    usual = USUAL if USUAL.exists() else None
    if path is None and usual is None:
        note("no configuration named, none at configs/ltv.yaml: the defaults are used")
    config = load_config(path or usual)
    paths = config.paths
    return replace(
        config,
        paths=replace(paths, data=str(data or paths.data), artefact=str(model or paths.artefact)),
    )


def _figures(report: Any) -> list[dict[str, Any]]:
    names = ("gini", "auc", "bias", "wcal", "mae", "msle")
    plain = report.get("baseline", {}).get("horizons", {})
    return [
        {"horizon": f"D{h}", "model": who, **{name: figures[name] for name in names}}
        for h, found in report["horizons"].items()
        for who, figures in (("share chain", found["value"]), ("plain Tweedie", plain.get(h)))
        if figures is not None
    ]


@app.command()
def explore(
    config: Path | None = CONFIG,
    data: Path | None = DATA,
    html: Path | None = HTML,
    how: Format = FORMAT,
) -> None:
    """Zeros, whales, correlations: `vibrator ltv explore --data rows.parquet --html look.html`."""
    from vibrator.ltv.explore import explore as look
    from vibrator.ltv.explore import explore_page
    from vibrator.ltv.frames import read_frame

    settings = _config(config, data, None)
    found = look(read_frame(settings.paths.data, time=settings.columns.time), settings)
    show(found["horizons"], how)
    if html is not None:
        write_text(html, explore_page(found))
        note(f"page: {html}")


@app.command()
def train(
    config: Path | None = CONFIG,
    data: Path | None = DATA,
    model: Path | None = MODEL,
    ablate: bool = typer.Option(False, "--ablate", help="Also report each feature group off."),
    how: Format = FORMAT,
) -> None:
    """Fit, calibrate, report, save: `vibrator ltv train --data rows/ --model artefacts/ltv`."""
    from vibrator.ltv.artefact import require_home, save
    from vibrator.ltv.pipeline import train_source
    from vibrator.ltv.rivals import ablate as switch_off

    settings = _config(config, data, model)
    require_home(settings.paths.artefact)
    trained = train_source(settings)
    save(trained, settings.paths.artefact, config=settings)
    note(f"model: {settings.paths.artefact}")
    show(_figures(trained.report), how)
    if ablate:
        show(switch_off(trained, settings), how)


@app.command()
def evaluate(
    config: Path | None = CONFIG,
    data: Path | None = typer.Option(None, "--data", help="Labelled rows to score; without them "
                                     "the figures saved at training are shown."),
    model: Path | None = MODEL,
    how: Format = FORMAT,
) -> None:  # fmt: skip
    """A saved model beside its baseline: `vibrator ltv evaluate --model artefacts/ltv`."""
    from vibrator.ltv.artefact import (
        load,
        load_baseline,
        read_manifest,
        read_report,
        trained_config,
    )
    from vibrator.ltv.frames import read_frame, row_times
    from vibrator.ltv.pipeline import evaluate as measure
    from vibrator.ltv.prepared import side_of

    home = _config(config, data, model).paths.artefact
    if data is None:
        show(_figures(read_report(home)), how)
        return
    settings, fitted = trained_config(home), load(home)
    frame = read_frame(data, time=settings.columns.time)
    first, unseen = row_times(frame, settings.columns.time).min(), read_manifest(home).window[-2]
    if str(first) < unseen:
        note(
            f"these rows begin {str(first)[:16]}, the model has seen people up to {unseen[:16]}: "
            "where they are the same, the figures flatter it"
        )
    side = side_of(frame, fitted.features, settings)
    report = measure(fitted, side, config=settings, baseline=load_baseline(home))
    show(_figures(report), how)


@app.command()
def predict(
    source: Path = typer.Argument(None, help="A parquet folder, .parquet or .csv; or paths.data."),
    target: Path = typer.Argument(
        None, help="A .csv or .parquet file, or a folder (resumable); or paths.predictions."
    ),
    config: Path | None = CONFIG,
    model: Path | None = MODEL,
) -> None:
    """Score a file in bounded memory: `vibrator ltv predict rows.csv values.csv`."""
    from vibrator.ltv.predictor import FastPredictor

    settings = _config(config, None, model)
    predictor = FastPredictor(settings.paths.artefact, threads=settings.threads)
    into = target or Path(settings.paths.predictions)
    rows = predictor.predict_file(source or settings.paths.data, into)
    note(f"{rows:,} rows scored into {into}")


@app.command()
def report(
    target: Path = typer.Argument(Path("ltv-report.html"), help="The page to write."),
    config: Path | None = CONFIG,
    model: Path | None = MODEL,
) -> None:
    """The saved report as one page: `vibrator ltv report report.html --model artefacts/ltv`."""
    from vibrator.ltv.artefact import read_report
    from vibrator.ltv.report import report_page

    settings = _config(config, None, model)
    write_text(target, report_page(read_report(settings.paths.artefact)))
    note(f"page: {target}")


@app.command()
def compare(config: Path | None = CONFIG, data: Path | None = DATA, how: Format = FORMAT) -> None:
    """Every head on the same rows: `vibrator ltv compare --data rows.parquet`."""
    from vibrator.ltv.frames import read_frame
    from vibrator.ltv.prepared import prepare
    from vibrator.ltv.rivals import compare as side_by_side

    settings = _config(config, data, None)
    frame = read_frame(settings.paths.data, time=settings.columns.time)
    keep = ("head", "gini", "auc", "bias", "wcal", "msle")
    rows = side_by_side(prepare(frame, settings), settings)
    show([{name: row[name] for name in keep} for row in rows], how)


@app.command()
def init(
    target: Path = typer.Argument(Path("configs"), help="A folder for the two files."),
) -> None:
    """Write ltv.yaml and features.yaml with every setting at its default: `vibrator ltv init`."""
    from vibrator.ltv.config import write_defaults

    for path in write_defaults(target):
        note(f"written: {path}")


@app.command()
def simulate(
    target: Path = typer.Argument(help="A new folder for the partitions."),
    users: int = typer.Option(150_000, "--users", help="How many people."),
    seed: int = typer.Option(0, "--seed", help="The dice."),
) -> None:
    """People with a planted truth as parquet: `vibrator ltv simulate data/ltv --users 50000`."""
    import numpy as np

    from vibrator.ltv.simulated_nested import simulate_folder

    simulate_folder(users, target, np.random.default_rng(seed))
    note(f"{users:,} people in {target}")


@app.command()
def demo(
    target: Path = typer.Argument(Path("ltv-demo"), help="A folder for everything it makes."),
    users: int = typer.Option(30_000, "--users", help="How many people."),
    how: Format = FORMAT,
) -> None:
    """Simulate, explore, train, predict and report, end to end: `vibrator ltv demo`."""
    import numpy as np

    from vibrator.ltv.demo import run_demo

    show(_figures(run_demo(target, users=users, rng=np.random.default_rng(0))), how)
    note(f"data, model, predictions and pages: {target}")
