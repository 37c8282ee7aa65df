"""`vibrator outcome`: log what came of a decision."""

from __future__ import annotations

import typer

from vibrator.cli._output import note
from vibrator.cli._store import ENCODER, STORE, TENANT, personalizer

PANEL = "Learn"


def run(
    store: str = STORE,
    decision_id: str = typer.Argument(..., help="Which decision."),
    what: str = typer.Argument(..., help="What happened: done, snooze, dismiss, click, …"),
    dwell_ms: float = typer.Option(None, help="For how many milliseconds."),
    reward: float = typer.Option(None, help="What it was worth; by the reward map if left out."),
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Log an outcome; told twice, it counts once.

    Example: vibrator outcome sqlite:///app.db 4f0c… done --dwell-ms 60000
    """
    with personalizer(store, tenant, encoder) as app:
        news = app.outcome(decision_id, what, dwell=dwell_ms, reward=reward)
    note("logged" if news else "known already")
