"""`vibrator observe`: log what somebody did."""

from __future__ import annotations

import typer

from vibrator.actions import UserAction
from vibrator.cli._files import moment
from vibrator.cli._output import note
from vibrator.cli._store import ENCODER, SLIDER, STORE, TENANT, personalizer

PANEL = "Data"


def run(
    store: str = STORE,
    user: str = typer.Argument(..., help="Who did it."),
    content: list[str] = typer.Argument(..., help="The words they wrote, read or clicked on."),
    kind: str = typer.Option("click", "--type", help="What they did: write, click, read, …"),
    at: str = typer.Option(None, help="When, as 2026-03-01T12:00:00+00:00; now if left out."),
    slider: list[str] = SLIDER,
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Log one or more actions of a user.

    Example: vibrator observe sqlite:///app.db ada "a guide to gRPC" --slider "depth=detailed docs"
    """
    stamp = None if at is None else moment(at, "at")
    actions = [UserAction(kind, text, timestamp=stamp) for text in content]
    with personalizer(store, tenant, encoder, slider) as app:
        new = app.observe(user, actions)
    note(f"{new} of {len(actions)} actions were new")
