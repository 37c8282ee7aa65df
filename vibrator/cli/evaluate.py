"""How well people's outcomes are foretold, honestly judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vibrator.cli._asked import asking
from vibrator.cli._files import Read, Reading, read_sliders, tell
from vibrator.cli._output import Format, note, show

if TYPE_CHECKING:
    from vibrator.actions import UserAction

PANEL = "Learn"
AS_IT_IS = Reading.of([], "UTC", skip=False)  # nothing said of how to read


@asking
def run(
    data: Path | None = typer.Option(None, help="Actions: CSV, JSON, JSONL or parquet."),
    dataset: str | None = typer.Option(None, help="A named data set: mind."),
    data_dir: Path = typer.Option(Path(), help="Where the named data set lies."),
    sliders: Path | None = typer.Option(
        None, help="Preference dimensions: .json, .csv, .txt; for --data."
    ),
    time_split: float | None = typer.Option(
        None, help="Share of the log, by time, to learn from: 0.8; for --data."
    ),
    model: str | None = typer.Option(
        None, help="logistic (if nothing is said) or boosted (extra: boost); for --data."
    ),
    report: Path | None = typer.Option(None, help="Write the report page here (HTML); for --data."),
    *,
    read: Read,
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
        if any(given is not None for given in (report, sliders, time_split, model)):
            raise BadInput("--report, --sliders, --time-split and --model belong to --data")
        if read.reading() != AS_IT_IS:
            raise BadInput("how columns and rows are read is asked of --data only")
        _mind(data_dir, seed, how)
        return
    assert data is not None  # noqa: S101 - one of the two was given
    share = 0.8 if time_split is None else time_split
    actions = _read(data, read.reading())
    _actions(actions, sliders, share, model or "logistic", report, seed, how)


def _mind(folder: Path, seed: int, how: Format) -> None:
    from vibrator.encoder import InstructionalEncoder
    from vibrator.evaluation.mind import evaluate_mind

    found = evaluate_mind(folder, InstructionalEncoder("embedded"), seed=seed)
    note(f"{found.judged} impressions judged, {found.passed_over} without anything to order")
    if found.bad_rows:
        note(f"{found.bad_rows} bad rows passed over")
    show(found.rows, how, title="MIND, mean over impressions")


def _read(data: Path, reading: Reading) -> list[UserAction]:
    from vibrator.datasets import load_actions

    read = load_actions(data, **reading._asdict())
    actions = list(read)
    tell(data, read.report)
    return actions


def _actions(
    actions: list[UserAction],
    sliders: Path | None,
    time_split: float,
    model: str,
    report: Path | None,
    seed: int,
    how: Format,
) -> None:
    from vibrator.encoder import InstructionalEncoder
    from vibrator.evaluation.report import evaluate_actions
    from vibrator.pipeline import SliderScorer
    from vibrator.writing import write_text

    named = (
        {"content": "content worth a person's time"} if sliders is None else read_sliders(sliders)
    )
    scorer = SliderScorer(InstructionalEncoder("embedded"), named)
    found = evaluate_actions(scorer, actions, time_split=time_split, model=model, seed=seed)
    unread = sum(action.user_id is None or action.timestamp is None for action in actions)
    if unread:
        note(f"{unread} of {len(actions)} actions have no user or no time and are left out")
    if not found.liking:
        note("liking is not judged: the log has not 20 actions of either sign of weight")
    if not found.ranking:
        note("the next item is not judged: it takes somebody with three actions")
    if report is not None:
        write_text(report, found.page())
        note(f"wrote {report}")
    show(found.rows(), how, title="after the split")
