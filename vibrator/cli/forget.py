"""`vibrator forget`: leave nothing of a person behind."""

from __future__ import annotations

import json

import typer

from vibrator.cli._store import ENCODER, STORE, TENANT, personalizer

PANEL = "Operate"


def run(
    store: str = STORE,
    user: str = typer.Argument(..., help="Whom."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Remove everything about a user and print the receipt.

    Example: vibrator forget sqlite:///app.db ada --yes
    """
    if not yes:
        typer.confirm(f"Remove everything about {user!r} for good?", abort=True, err=True)
    with personalizer(store, tenant, encoder) as app:
        receipt = app.forget(user)
    typer.echo(json.dumps(receipt.to_dict(), ensure_ascii=False, indent=2))
