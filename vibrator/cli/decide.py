"""`vibrator decide`: choose what to show, and log the choice."""

from __future__ import annotations

from typing import Any

import typer

from vibrator.cli._files import json_object
from vibrator.cli._output import Format, show
from vibrator.cli._store import ENCODER, SLIDER, STORE, TENANT, pairs, personalizer

PANEL = "Decide"


def run(
    store: str = STORE,
    user: str = typer.Argument(..., help="For whom."),
    candidates: list[str] = typer.Argument(..., help="Item ids, or id=text for new ones."),
    context: str = typer.Option("{}", help="Context as a JSON object."),
    surface: str = typer.Option("default", help="Where it would be shown."),
    require_consent: bool = typer.Option(False, help="Show nothing without a yes on record."),
    slider: list[str] = SLIDER,
    tenant: str = TENANT,
    encoder: str = ENCODER,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Choose among candidates, doing nothing included; the decision is logged.

    Example: vibrator decide sqlite:///app.db ada "grpc=a guide to gRPC" "cake=plum cake"
    """
    given: Any = pairs(candidates, "candidate") if "=" in candidates[0] else candidates
    around = json_object(context, "context")
    with personalizer(store, tenant, encoder, slider, require_consent=require_consent) as app:
        decision = app.decide(user, given, around, surface=surface)
    row = {
        "decision_id": decision.decision_id,
        "shown": ", ".join(decision.chosen) or "nothing",
        "propensity": decision.propensity,
        "reason": decision.reason,
    }
    show([row], how)
