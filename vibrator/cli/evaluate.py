"""How well people's outcomes are foretold, honestly judged."""

from __future__ import annotations

from pathlib import Path

import typer

from vibrator.cli._output import Format, note, show

PANEL = "Learn"


def run(
    data: Path | None = typer.Option(None, help="Actions: CSV, JSON, JSONL or parquet."),
    dataset: str | None = typer.Option(None, help="A named data set: mind."),
    data_dir: Path = typer.Option(Path(), help="Where the named data set lies."),
    sliders: Path | None = typer.Option(None, help="JSON or YAML, name to words; for --data."),
    time_split: float = typer.Option(0.8, help="Share of the log, by time, to learn from."),
    model: str = typer.Option("logistic", help="logistic, or boosted (extra: boost)."),
    report: Path | None = typer.Option(None, help="Write the report page here (HTML); for --data."),
    seed: int = typer.Option(0, help="Seed of the bootstrap and of the random scorer."),
    how: Format = typer.Option(Format.table, "--format", help="How rows are printed."),
) -> None:
    """Out of time and on the full catalogue, against random, popularity, cosine and zero-shot.

    Example: vibrator evaluate --data actions.csv --report evaluation.html
    """
    from vibrator.errors import BadInput, UnknownName

    if (data is None) == (dataset is None):
        raise BadInput("say either --data FILE or --dataset mind --data-dir FOLDER")
    if dataset is not None:
        if dataset != "mind":
            raise UnknownName(f"no data set {dataset!r} to evaluate on; known: mind")
        if report is not None or sliders is not None:
            raise BadInput("--report and --sliders belong to --data")
        _mind(data_dir, seed, how)
        return
    assert data is not None  # noqa: S101 - one of the two was given
    _actions(data, sliders, time_split, model, report, seed, how)


def _mind(folder: Path, seed: int, how: Format) -> None:
    from vibrator.encoder import InstructionalEncoder
    from vibrator.evaluation.mind import evaluate_mind

    found = evaluate_mind(folder, InstructionalEncoder("embedded"), seed=seed)
    note(f"{found.judged} impressions judged, {found.passed_over} without anything to order")
    if found.bad_rows:
        note(f"{found.bad_rows} bad rows passed over")
    show(found.rows, how, title="MIND, mean over impressions")


def _actions(
    data: Path,
    sliders: Path | None,
    time_split: float,
    model: str,
    report: Path | None,
    seed: int,
    how: Format,
) -> None:
    from vibrator.datasets import load_actions, load_sliders
    from vibrator.encoder import InstructionalEncoder
    from vibrator.evaluation.report import evaluate_actions
    from vibrator.pipeline import SliderScorer
    from vibrator.writing import write_text

    named = (
        {"content": "content worth a person's time"} if sliders is None else load_sliders(sliders)
    )
    scorer = SliderScorer(InstructionalEncoder("embedded"), named)
    found = evaluate_actions(
        scorer, list(load_actions(data)), time_split=time_split, model=model, seed=seed
    )
    if not found.liking:
        note("liking is not judged: the log has not 20 actions of either sign of weight")
    if not found.ranking:
        note("the next item is not judged: it takes two people with two actions each")
    if report is not None:
        write_text(report, found.page())
        note(f"wrote {report}")
    show(found.rows(), how, title="after the split")
