"""`vibrator rebuild`: fold everything anew from the log."""

from __future__ import annotations

import typer

from vibrator.cli._output import note
from vibrator.cli._store import STORE, TENANT, personalizer, require_there

PANEL = "Operate"


def run(
    store: str = STORE,
    encoder: str = typer.Option(
        None, help="Make every vector anew with this model, where another one made them."
    ),
    tenant: str = TENANT,
) -> None:
    """Fold profiles and policies anew from the log, with another encoder if one is named.

    Example: vibrator rebuild sqlite:///app.db --encoder embedded
    """
    if encoder is not None:
        _change_encoder(store, tenant, encoder)
    with personalizer(store, tenant, encoder or "embedded") as app:
        note(f"folded anew: {app.rebuild()} users")


def _change_encoder(store: str, tenant: str, name: str) -> None:
    from vibrator.encoder import InstructionalEncoder
    from vibrator.personalizer.rebuilding import ENCODER_NOTE, change_encoder
    from vibrator.stores import open_store
    from vibrator.stores.ports import require_durable

    require_there(store)
    fresh = InstructionalEncoder(name)
    opened = open_store(store, tenant=tenant)
    try:
        if require_durable(opened).note(ENCODER_NOTE) != fresh.fingerprint:
            note(f"encoded anew: {change_encoder(opened, fresh)} items")
    finally:
        opened.close()
