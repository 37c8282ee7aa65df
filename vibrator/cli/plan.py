"""`vibrator plan`: what so many people and events need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from vibrator.cli._output import Format, note, show
from vibrator.cli._store import pairs

if TYPE_CHECKING:
    from vibrator.scale.plan import Need

PANEL = "Operate"


def run(
    users: float = typer.Option(..., help="How many people are known, such as 1e8."),
    events_per_day: float = typer.Option(..., help="How many actions they do, such as 1e9."),
    decisions_per_day: float = typer.Option(0.0, help="How often it is decided for them."),
    items: float = typer.Option(1_000, help="Items that the nightly batch scores."),
    sliders: float = typer.Option(4, help="Sliders that each pair is scored on."),
    active: float = typer.Option(0.1, help="Share of the people that is seen on a day."),
    kept_days: float = typer.Option(365.0, help="How long the log is kept."),
    cost: list[str] = typer.Option(
        [], "--cost", help="A cost that you measured, such as score_user_us=300.", metavar="NAME=N"
    ),
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Cores, memory, shards and partitions for a load, with the arithmetic shown.

    Example: vibrator plan --users 1e8 --events-per-day 1e9
    """
    from vibrator.errors import BadInput, UnknownName
    from vibrator.scale.plan import Costs, Load, plan

    given = pairs(cost, "cost")
    if stray := sorted(set(given) - set(Costs.__slots__)):
        raise UnknownName(f"no cost {stray[0]!r}; known: {', '.join(Costs.__slots__)}")
    try:
        costs = Costs(**{name: float(value) for name, value in given.items()})
    except ValueError as error:
        raise BadInput(f"a cost must be a positive number: {error}") from None
    load = Load(
        users=users,
        events_per_day=events_per_day,
        decisions_per_day=decisions_per_day,
        items=items,
        sliders=sliders,
        active=active,
        kept_days=kept_days,
    )
    show((_whole(one) for one in plan(load, costs)), how)
    note("costs are of one shared cloud core and the embedded encoder: measure yours, --cost")


def _whole(need: Need) -> dict[str, object]:
    """A line as it is printed: from a thousand on without a fraction."""
    amount = round(need.amount) if need.amount >= 1_000 else need.amount
    return {**need._asdict(), "amount": amount}
