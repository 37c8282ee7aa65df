"""`vibrator encode`: texts into vectors, for use elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from vibrator.cli._asked import asking
from vibrator.cli._files import Read, Reading, read_sliders, tell
from vibrator.cli._output import Format, note, show
from vibrator.cli._store import ENCODER
from vibrator.errors import BadInput, UnknownName
from vibrator.writing import whole_file

PANEL = "Score"
ROLES = ("item", "slider", "action")


@asking
def run(
    texts: Path = typer.Argument(..., help="Items, sliders or actions: .csv, .json, .txt, …"),
    output: Path = typer.Option(Path("vectors.npz"), "--output", "-o", help="Where to (.npz)."),
    role: str = typer.Option("item", help="As what they are read: item, slider or action."),
    *,
    cache: Path | None = typer.Option(None, help="SQLite file that keeps vectors between runs."),
    read: Read,
    encoder: str = ENCODER,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Write vectors as an .npz with `ids`, `vectors` and the encoder's `fingerprint`.

    Vectors of different fingerprints must not be compared with each other.

    Example: vibrator encode items.json --output items.npz
    """
    import numpy as np

    from vibrator.encoder import InstructionalEncoder

    if role not in ROLES:
        raise UnknownName(f"no role {role!r}; known: {list(ROLES)}")
    if output.suffix != ".npz":
        raise BadInput(f"output must end in .npz, got {output.name!r}")
    reader = InstructionalEncoder(encoder, cache=_cache(cache))
    ids, vectors = _encoded(reader, texts, role, read.reading())
    with whole_file(output) as beside, beside.open("wb") as file:
        np.savez(file, ids=np.array(ids), vectors=vectors, fingerprint=reader.fingerprint)
    found = {"texts": len(ids), "dimensions": reader.dimensions, "model": reader.model.name}
    show([{**found, "fingerprint": reader.fingerprint, "file": str(output)}], how)


def _cache(path: Path | None) -> Any:
    if path is None:
        return None
    from vibrator.encoders.sqlite_cache import SQLiteVectorCache

    return SQLiteVectorCache(str(path))


def _encoded(reader: Any, path: Path, role: str, how: Reading) -> tuple[list[str], Any]:
    from vibrator.datasets import load_actions, load_items
    from vibrator.sliders import Slider

    if role == "item":
        items = load_items(
            path, columns=how.columns, on_error=how.on_error, delimiter=how.delimiter
        )
        tell(path, items.report)
        return list(items.texts), reader.encode_items(list(items.texts.values()))
    if role == "slider":
        known = read_sliders(path, how)
        sliders = {name: one for name, one in known.items() if isinstance(one, Slider)}
        if any(slider.opposite for slider in sliders.values()):
            note("of sliders with two poles, only the first is written")
        return list(sliders), reader.encode_sliders([slider.text for slider in sliders.values()])
    actions = load_actions(path, **how._asdict())
    listed = list(actions)
    tell(path, actions.report)
    ids = [action.action_id or str(place) for place, action in enumerate(listed, 1)]
    return ids, reader.encode_actions(listed)
