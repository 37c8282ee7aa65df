"""`vibrator batch`: the same work over parquet, on many workers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.cli._asked import asking
from vibrator.cli._files import (
    CALIBRATORS,
    CONTEXT,
    json_object,
    moment,
    read_calibrators,
    read_sliders,
)
from vibrator.cli._output import Format, note, show
from vibrator.cli._store import ENCODER
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from vibrator.scale.jobs import Work
    from vibrator.scale.pieces import Piece

PANEL = "Operate"
app = typer.Typer(help="Score, fold, encode and evaluate parquet on many workers.")

SOURCE = typer.Argument(..., help="A parquet file or folder, or a URL such as s3://bucket/log.")
OUTPUT = typer.Option(..., "--output", "-o", help="A folder that all workers share; resumable.")
ROWS = typer.Option(500_000, help="Rows of a piece: what a worker holds at a time.")
SKIP = typer.Option(False, "--skip-bad-rows", help="Go on without actions that break rules.")
DRY_RUN = typer.Option(False, "--dry-run", help="Print what it would read and take; do nothing.")
FORMAT = typer.Option(Format.table, "--format", help="table, json or csv.")


@dataclass(frozen=True)
class Where:
    """Asked by every job: who does the work."""

    workers: int = typer.Option(0, help="Workers on this machine; 0 works right here.")
    scheduler: str = typer.Option(
        "", help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786."
    )

    def found(self) -> int | str | None:
        """How many workers, or the address, or neither."""
        if self.workers and self.scheduler:
            raise BadInput("give either --workers or --scheduler, not both")
        return self.scheduler or self.workers or None


@app.command()
@asking
def profiles(
    actions: str = SOURCE,
    output: Path = OUTPUT,
    encoder: str = ENCODER,
    *,
    where: Where,
    rows: int = ROWS,
    skip_bad_rows: bool = SKIP,
    dry_run: bool = DRY_RUN,
    how: Format = FORMAT,
) -> None:
    """Fold everybody's actions: timestamp, user_id, action_type, content[, weight, action_id].

    Example: vibrator batch profiles actions.parquet --output profiles --workers 2
    """
    from vibrator.encoders.ports import EncoderConfig
    from vibrator.scale.dask import cluster, estimate, run_profiles
    from vibrator.scale.jobs import FoldPiece
    from vibrator.scale.pieces import cut

    pieces, config = cut(actions, rows=rows), EncoderConfig(encoder)
    on_error = "skip" if skip_bad_rows else "raise"
    if dry_run:
        show([estimate(FoldPiece(config, on_error), pieces)], how)
        return
    with cluster(where.found()) as client:
        done = run_profiles(config, pieces, output, client=client, told=_told, on_error=on_error)
    _show(done, output, how)


@app.command()
@asking
def score(
    profiles: str = SOURCE,
    items: Path = typer.Argument(..., help="What could be shown: .csv, .json, .parquet, …"),
    output: Path = OUTPUT,
    sliders: Path = typer.Option(..., "--sliders", "-s", help="Preference dimensions."),
    best: int = typer.Option(None, help="Only the best so many items for each user."),
    at: str = typer.Option("newest", help="As of when: newest (action), or 2026-03-02T09:00:00Z."),
    context: str = CONTEXT,
    calibrators: Path = CALIBRATORS,
    encoder: str = ENCODER,
    *,
    where: Where,
    rows: int = typer.Option(20_000, help="Profiles of a piece."),
    dry_run: bool = DRY_RUN,
    how: Format = FORMAT,
) -> None:
    """Score what `batch profiles` wrote with every item, or keep the best of each user.

    Example: vibrator batch score profiles items.csv -s sliders.json --best 10 -o scores
    """
    from vibrator.encoder import InstructionalEncoder
    from vibrator.encoders.ports import EncoderConfig
    from vibrator.scale.jobs import Score
    from vibrator.scale.pieces import cut, newest

    known, config = read_sliders(sliders), EncoderConfig(encoder)
    fingerprint = InstructionalEncoder(config).fingerprint
    fitted = read_calibrators(calibrators, known.versions, fingerprint)
    json_object(context, "context")
    pieces = cut(profiles, rows=rows)
    when: datetime = newest(pieces) if at == "newest" else moment(at, "at")
    work = Score(
        encoder=config,
        sliders=tuple(known.items()),
        items=str(items.resolve()),
        now=when,
        best=best,
        context=context,
        calibrators=tuple((name, json.dumps(one.document())) for name, one in fitted.items()),
    )
    _run(work, pieces, output, where.found(), how, dry_run=dry_run)


@app.command()
@asking
def encode(
    texts: str = SOURCE,
    output: Path = OUTPUT,
    role: str = typer.Option("item", help="As what they are read: item, slider or action."),
    encoder: str = ENCODER,
    *,
    where: Where,
    rows: int = ROWS,
    skip_bad_rows: bool = SKIP,
    dry_run: bool = DRY_RUN,
    how: Format = FORMAT,
) -> None:
    """Vectors in half precision of id and text, or of actions.

    Example: vibrator batch encode items.parquet --output vectors --workers 2
    """
    from vibrator.encoders.ports import EncoderConfig
    from vibrator.scale.jobs import Encode
    from vibrator.scale.pieces import cut

    on_error = "skip" if skip_bad_rows else "raise"
    work, pieces = Encode(EncoderConfig(encoder), role, on_error), cut(texts, rows=rows)
    _run(work, pieces, output, where.found(), how, dry_run=dry_run)


@app.command()
@asking
def evaluate(
    scored: str = SOURCE,
    output: Path = OUTPUT,
    *,
    where: Where,
    rows: int = ROWS,
    dry_run: bool = DRY_RUN,
    how: Format = FORMAT,
) -> None:
    """How good probabilities were: rows with probability and outcome, and slider if there are many.

    Example: vibrator batch evaluate scored.parquet --output tally
    """
    from vibrator.scale.dask import cluster, estimate, run
    from vibrator.scale.jobs import Evaluate
    from vibrator.scale.pieces import cut, read_piece
    from vibrator.scale.tally import add_up, measures

    pieces = cut(scored, rows=rows)
    if dry_run:
        show([estimate(Evaluate(), pieces)], how)
        return
    with cluster(where.found()) as client:
        run(Evaluate(), pieces, output, client=client, told=_told)
    show(measures(add_up(map(read_piece, cut(str(output))))), how)


def _run(
    work: Work,
    pieces: list[Piece],
    output: Path,
    where: int | str | None,
    how: Format,
    *,
    dry_run: bool,
) -> None:
    from vibrator.scale.dask import cluster, estimate, run

    if dry_run:
        show([estimate(work, pieces)], how)
        return
    with cluster(where) as client:
        done = run(work, pieces, output, client=client, told=_told)
    _show(done, output, how)


def _told(done: int, parts: int, rows: int) -> None:
    note(f"{done} of {parts} parts, {rows:,} rows")


def _show(done: Any, output: Path, how: Format) -> None:
    from dataclasses import asdict

    show([{**asdict(done), "folder": str(output)}], how)
