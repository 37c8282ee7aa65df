"""`vibrator sliders`: advice on sliders, and a map of them."""

from __future__ import annotations

from pathlib import Path

import typer

from vibrator.cli._files import read_sliders
from vibrator.cli._output import Format, note, show
from vibrator.cli._store import ENCODER
from vibrator.writing import write_text

PANEL = "Score"
app = typer.Typer(help="Advice on sliders, and a map of them.", no_args_is_help=True)

FILE = typer.Argument(..., help="The sliders: .json, .csv or .txt.")
OVERLAP = typer.Option(0.6, min=0.0, max=1.0, help="Cosine from which two sliders overlap.")
HOW = typer.Option(Format.table, "--format", help="table, json or csv.")


@app.command()
def lint(
    sliders: Path = FILE, overlap: float = OVERLAP, encoder: str = ENCODER, how: Format = HOW
) -> None:
    """Say what is wrong with sliders before anybody is scored by them; exits 1 if something is.

    Example: vibrator sliders lint sliders.json
    """
    from vibrator.encoder import InstructionalEncoder
    from vibrator.slider_lint import lint_sliders

    known = read_sliders(sliders)
    advice = lint_sliders(known, InstructionalEncoder(encoder), overlap=overlap)
    rows = [
        {"slider": one.slider, "rule": one.rule, "found": one.found, "cure": one.cure}
        for one in advice
    ]
    if rows or how is not Format.table:
        show(rows, how)
    note(f"{len(known)} sliders, {len(rows)} to look at")
    if rows:
        raise typer.Exit(1)


@app.command("map")
def draw(
    sliders: Path = FILE,
    output: Path = typer.Option(Path("sliders.svg"), help="Where the picture goes."),
    overlap: float = OVERLAP,
    encoder: str = ENCODER,
    how: Format = HOW,
) -> None:
    """Draw sliders so that alike ones lie close, and list how alike they are.

    Example: vibrator sliders map sliders.json --output sliders.svg
    """
    from vibrator.encoder import InstructionalEncoder
    from vibrator.slider_lint import likeness
    from vibrator.slider_map import draw_slider_map

    known, reader = read_sliders(sliders), InstructionalEncoder(encoder)
    write_text(output, draw_slider_map(known, reader, overlap=overlap))
    table, names = likeness(known, reader), list(known)
    show(
        [
            {"slider": name, **dict(zip(names, row, strict=True))}
            for name, row in zip(names, table.tolist(), strict=True)
        ],
        how,
    )
    note(f"the picture is in {output}")
