"""`vibrator score`: how well contents fit people, from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.actions import UserAction
from vibrator.cli._asked import asking
from vibrator.cli._files import (
    ACTIONS,
    ITEMS,
    Read,
    Scored,
    as_of,
    read_items,
    read_people,
    read_rows,
)
from vibrator.cli._output import Format, note, progress, show
from vibrator.errors import UnknownName

if TYPE_CHECKING:
    from vibrator.pipeline import SliderOutput, SliderScorer

PANEL = "Score"
People = Mapping[str, list[UserAction]]


@asking
def run(
    actions: Path = ACTIONS,
    items: Path = ITEMS,
    *,
    scored: Scored,
    user: list[str] = typer.Option([], "--user", "-u", help="Only these people."),
    shown: Path | None = typer.Option(
        None,
        help="Score only what was shown, as of then: user_id, item_id, timestamp, outcome (0 or "
        "1). One row each, for `calibrate` and `drift`.",
    ),
    read: Read,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Score every person with every item on every slider, with an interval and a reason.

    Example: vibrator score actions.csv items.json --sliders sliders.json --user ada
    """
    reading, scorer = read.reading(), scored.scorer()
    people = read_people(actions, reading)
    texts = read_items(items, reading.on_error)
    given = scored.given()
    if shown is not None:
        rows = read_rows(shown, _shown_fields(reading.timezone), reading._replace(columns={}))
        show(_of_shown(scorer, people, texts, rows, given), how)
        return
    people = chosen(people, user)
    now = as_of(scored.at, (action for did in people.values() for action in did))
    row = brief if how is Format.table else full
    batch = scorer.score_batch(people, texts, given, now=now)
    show(
        (
            {"user_id": user, "item_id": item_id, **row(output)}
            for user in people
            for item_id in texts
            for output in batch[user][item_id].values()
        ),
        how,
    )


def chosen(people: People, users: Sequence[str]) -> People:
    """The people named, or all of them."""
    absent = [user for user in users if user not in people]
    if absent:
        raise UnknownName(f"nobody did anything as {', '.join(map(repr, absent))}")
    return {user: people[user] for user in users} if users else people


def _of_shown(
    scorer: SliderScorer,
    people: People,
    texts: dict[str, str],
    rows: list[dict[str, Any]],
    context: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """What was shown, on the slider named or the one that it fitted best, from what was known."""
    versions, encoder = scorer.sliders.versions, scorer.encoder.fingerprint
    scorer.encoder.encode_actions([action for did in people.values() for action in did])
    scorer.encoder.encode_items(list(texts.values()))
    strangers = 0
    for row in progress(rows, "scoring", len(rows)):
        user, item_id, at = row["user_id"], row["item_id"], row["timestamp"]
        if item_id not in texts:
            raise UnknownName(f"no item {item_id!r} among the items, but it was shown")
        before = [a for a in people.get(user, ()) if a.timestamp is None or a.timestamp < at]
        strangers += not before
        scores = scorer.score(before, texts[item_id], context, now=at, cold_start=True)
        best = row.get("slider") or max(scores, key=lambda name: scores[name].raw_score)
        if best not in scores:
            raise UnknownName(f"no slider {best!r}; known: {list(scores)}")
        yield {
            "timestamp": at.isoformat(),
            "user_id": user,
            "item_id": item_id,
            **full(scores[best]),
            "outcome": row["outcome"],
            "version": versions[best],
            "encoder": encoder,
        }
    if strangers:
        note(f"{strangers} of {len(rows)} were shown to people who had done nothing yet")


def full(output: SliderOutput) -> dict[str, Any]:
    """All that is said of one slider, for programs."""
    return {
        "slider": output.name,
        "probability": output.probability,
        "low": output.low,
        "high": output.high,
        "raw_score": output.raw_score,
        "relative_probability": output.relative_probability,
        "evidence": output.evidence,
        "why": output.why(),
    }


def brief(output: SliderOutput) -> dict[str, Any]:
    """What somebody reads in a table."""
    return {
        "slider": output.name,
        "fits": f"{output.probability:.1%}",
        "90 % interval": f"{output.low:.1%} – {output.high:.1%}",
        "why": output.why(),
    }


def _shown_fields(timezone: str) -> list[Any]:
    from vibrator.cli._fields import OUTCOME, time_field
    from vibrator.datasets.fields import Field, read_id, read_text

    return [
        Field("user_id", read_id, required=True),
        Field("item_id", read_id, required=True),
        time_field(timezone),
        OUTCOME,
        Field("slider", read_text),
    ]
