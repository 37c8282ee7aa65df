"""`vibrator rank`: the items that fit people best, from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.cli._asked import asking
from vibrator.cli._files import (
    ACTIONS,
    ITEMS,
    Read,
    Scored,
    as_of,
    read_items,
    read_people,
)
from vibrator.cli._output import Format, show
from vibrator.cli.score import chosen

if TYPE_CHECKING:
    from vibrator.pipeline import Ranked, SliderOutput

PANEL = "Score"


@asking
def run(
    actions: Path = ACTIONS,
    items: Path = ITEMS,
    *,
    scored: Scored,
    user: list[str] = typer.Option([], "--user", "-u", help="Only these people."),
    k: int = typer.Option(5, "-k", min=1, help="How many items each."),
    slider: str | None = typer.Option(None, help="By this slider instead of the mean of all."),
    diversity: float = typer.Option(0.0, min=0.0, max=1.0, help="How much sameness costs."),
    read: Read,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Rank items for each person, with reasons.

    Example: vibrator rank actions.csv items.json --sliders sliders.json --user ada -k 3
    """
    reading, scorer = read.reading(), scored.scorer()
    people = chosen(read_people(actions, reading), user)
    texts = read_items(items, reading.on_error)
    now = as_of(scored.at, (action for did in people.values() for action in did))
    given = scored.given()
    rankings = (
        (
            name,
            scorer.rank(
                did,
                texts,
                k,
                slider=slider,
                diversity=diversity,
                context=given,
                now=now,
            ),
        )
        for name, did in people.items()
    )
    row = _brief if how is Format.table else _full
    show(
        (
            {"user_id": name, "place": place, "item_id": ranked.item, **row(ranked)}
            for name, ranking in rankings
            for place, ranked in enumerate(ranking, 1)
        ),
        how,
    )


def _best(ranked: Ranked) -> SliderOutput:
    return max(ranked.scores.values(), key=lambda output: output.raw_score)


def _full(ranked: Ranked) -> dict[str, Any]:
    best = _best(ranked)
    return {
        "score": ranked.score,
        "slider": best.name,
        "probability": best.probability,
        "why": best.why(),
    }


def _brief(ranked: Ranked) -> dict[str, Any]:
    best = _best(ranked)
    return {"slider": best.name, "fits": f"{best.probability:.1%}", "why": best.why()}
