"""`vibrator demo`: three people, a table, a picture."""

from __future__ import annotations

from pathlib import Path

import typer

from vibrator.actions import utc_now
from vibrator.cli._output import Format, note, show
from vibrator.writing import write_text

PANEL = "Try"


def run(
    output: Path = typer.Option(Path("vibrator-demo.html"), help="Where the picture goes."),
    top: int = typer.Option(3, min=1, help="Contents shown per person in the table."),
    encoder: str = typer.Option("embedded", envvar="VIBRATOR_ENCODER", help="Which model reads."),
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Show how content fits three invented people, with reasons.

    Example: vibrator demo --top 2
    """
    from vibrator.demo import SLIDERS, demo_page, fits
    from vibrator.encoder import InstructionalEncoder
    from vibrator.pipeline import SliderScorer

    reader = InstructionalEncoder(encoder)
    people = list(fits(SliderScorer(reader, SLIDERS), utc_now()))
    ran_on = f"the {reader.model.name} model"
    best = [fit for listed in people for fit in listed[:top]]
    show([fit.line() if how is Format.table else fit.row() for fit in best], how)
    write_text(output, demo_page(people, ran_on=ran_on))
    note(f"ran on {ran_on}; the picture is in {output}")
