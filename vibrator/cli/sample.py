"""`vibrator sample`: files to try the other commands on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from vibrator.cli._output import Format, show
from vibrator.errors import BadInput
from vibrator.writing import whole_file, write_text

PANEL = "Try"
PEOPLE, DAYS, A_DAY = 40, 10, 4.0
SHOWN = 1_500


def run(
    folder: Path = typer.Argument(Path("sample"), help="Where to; made if it is not there."),
    seed: int = typer.Option(7, min=0, help="Other people with every seed."),
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Write actions, items, sliders, and what was shown, of invented people with known tastes.

    Example: vibrator sample sample
    """
    from vibrator.datasets import write_actions
    from vibrator.synthetic import SyntheticWorld, synthetic_slider_texts

    names = ("actions.csv", "items.csv", "sliders.json", "shown.csv")
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise BadInput(f"{folder} holds {', '.join(there)} already; name another folder")
    world = SyntheticWorld(seed=seed, people=PEOPLE, actions_per_day=A_DAY)
    actions = list(world.actions(int(PEOPLE * DAYS * A_DAY)))
    corpus: dict[str, str] = {}  # text to id: texts repeat after some dozens a slider
    shown = [
        (
            one.at.isoformat(),
            one.user_id,
            corpus.setdefault(one.item.text, one.item.item_id),
            int(one.positive),
        )
        for one in world.shown(SHOWN)
    ]
    items = [(item_id, text) for text, item_id in corpus.items()]
    sliders = {"sliders": synthetic_slider_texts(world.sliders)}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_actions(actions, folder / "actions.csv")
        _write(folder / "items.csv", ("id", "text"), items)
        _write(folder / "shown.csv", ("timestamp", "user_id", "item_id", "outcome"), shown)
        write_text(folder / "sliders.json", json.dumps(sliders, indent=2))
    except BaseException:  # all of them or none
        for name in names:
            (folder / name).unlink(missing_ok=True)
        raise
    counts = (len(actions), len(items), len(sliders["sliders"]), len(shown))
    show([{"file": str(folder / n), "rows": c} for n, c in zip(names, counts, strict=True)], how)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
