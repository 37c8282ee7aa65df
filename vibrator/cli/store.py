"""`vibrator store`: look into a store, fill its catalogue, keep it small."""

from __future__ import annotations

import json
from datetime import timedelta

import typer

from vibrator.cli._output import Format, note, show
from vibrator.cli._store import ENCODER, SLIDER, STORE, TENANT, pairs, personalizer, require_there
from vibrator.errors import BadInput

PANEL = "Operate"
HOW = typer.Option(Format.table, "--format", help="table, json or csv.")
app = typer.Typer(
    help="Look into a store, fill its catalogue, keep it small.", no_args_is_help=True
)


@app.command()
def report(
    store: str = STORE, tenant: str = TENANT, encoder: str = ENCODER, how: Format = HOW
) -> None:
    """Count users, actions, decisions and what came of them.

    Example: vibrator store report sqlite:///app.db
    """
    with personalizer(store, tenant, encoder) as opened:
        found = opened.report()
    numbers = ("users", "actions", "decisions", "acted", "answered", "mean_reward")
    rows = [{"what": name, "count": getattr(found, name)} for name in numbers]
    rows += [{"what": f"outcome {what}", "count": n} for what, n in found.outcomes.items()]
    rows += [{"what": f"refused by {who}", "count": n} for who, n in found.refusals.items()]
    show(rows, how)


@app.command()
def add(
    store: str = STORE,
    items: list[str] = typer.Argument(..., help="id=text, as often as you like."),
    slider: list[str] = SLIDER,
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Add items to the catalogue.

    Example: vibrator store add sqlite:///app.db "grpc=a guide to gRPC" --slider "depth=long docs"
    """
    with personalizer(store, tenant, encoder, slider) as opened:
        note(f"{opened.add_items(pairs(items, 'item'))} items kept")


@app.command()
def remove(
    store: str = STORE,
    ids: list[str] = typer.Argument(..., help="Item ids."),
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Remove items from the catalogue.

    Example: vibrator store remove sqlite:///app.db grpc
    """
    with personalizer(store, tenant, encoder) as opened:
        note(f"{opened.remove_items(ids)} items removed")


@app.command()
def export(
    store: str = STORE,
    user: str = typer.Argument(..., help="Whose data."),
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Print everything kept about a user as JSON.

    Example: vibrator store export sqlite:///app.db ada
    """
    with personalizer(store, tenant, encoder) as opened:
        typer.echo(json.dumps(opened.export(user), ensure_ascii=False, indent=2))


@app.command()
def expire(
    store: str = STORE,
    days: float = typer.Argument(..., min=0, help="Everything older than so many days."),
    tenant: str = TENANT,
    encoder: str = ENCODER,
) -> None:
    """Remove everybody's older events, and what was made of them.

    Example: vibrator store expire sqlite:///app.db 365
    """
    with personalizer(store, tenant, encoder) as opened:
        receipt = opened.expire(_age(days))
    typer.echo(json.dumps(receipt.to_dict(), ensure_ascii=False, indent=2))


def _age(days: float) -> timedelta:
    try:
        return timedelta(days=days)
    except OverflowError:
        raise BadInput(f"days must be at most {timedelta.max.days}, got {days:g}") from None


@app.command()
def compact(store: str = STORE, tenant: str = TENANT) -> None:
    """Rewrite a store's files without what was deleted.

    Example: vibrator store compact sqlite:///app.db
    """
    from vibrator.stores import open_store
    from vibrator.stores.ports import require_durable

    require_there(store)
    opened = open_store(store, tenant=tenant)
    try:
        left = require_durable(opened).compact()
    finally:
        opened.close()
    for words in left:
        note(words)
    if left:
        raise typer.Exit(1)
