"""Scores for many callers at once: texts are encoded together, then each is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vibrator.actions import UserAction
from vibrator.encoders.ports import is_instant
from vibrator.errors import UnknownName, VibratorError
from vibrator.personalizer import Personalizer
from vibrator.pipeline import Scores, SliderOutput
from vibrator.profile import Profile
from vibrator.service.answers import Scored, SliderScore
from vibrator.service.bodies import Deed, ScoreIn
from vibrator.service.desk import Desk

QUICK_TEXTS, QUICK_CHARACTERS = 8, 1_000  # less than a millisecond of work in all
CONTENT = "content"  # the name under which a single text is scored


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """One caller's question."""

    desk: Desk
    asked: ScoreIn


def is_quick(job: ScoreJob) -> bool:
    """Whether the person is read and the texts are remembered, or few and soon read."""
    desk, asked = job.desk, job.asked
    if asked.user_id is None or asked.items or not desk.readings.has(asked.user_id):
        return False
    texts, encoder = texts_of(asked), desk.app.encoder
    if len(texts) > QUICK_TEXTS:
        return False
    short = is_instant(encoder.model) and sum(map(len, texts)) <= QUICK_CHARACTERS
    return short or encoder.remembers_items(texts)


def score_together(jobs: Sequence[ScoreJob]) -> list[Scored | Exception]:
    """An answer or an error for each job, in order."""
    with suppress(VibratorError):  # whose text it was finds out below, alone
        warm(jobs)
    return [_answered(job) for job in jobs]


def warm(jobs: Sequence[ScoreJob]) -> None:
    """Read all texts of a batch in one call, so that each job finds its own remembered."""
    if len(jobs) < 2:
        return
    texts: dict[int, tuple[Desk, list[str]]] = {}
    for job in jobs:
        desk, listed = texts.setdefault(id(job.desk), (job.desk, []))
        listed += texts_of(job.asked)
    for desk, listed in texts.values():
        if desk.ready and listed and all(map(str.strip, listed)):
            desk.app.encoder.encode_items(listed)


def score_one(desk: Desk, asked: ScoreIn) -> Scored:
    """The scores of one person."""
    app = desk.app
    if asked.user_id is not None:
        still = desk.reading(asked.user_id)
        person: Any = still
        moment, evidence = still.at_moment, still.evidence
    else:
        moment = app.clock()
        person, evidence = _stranger(asked.actions or (), app, moment)
    scores = {
        name: app.scorer.score(person, text, asked.context, now=moment, cold_start=True)
        for name, text in contents(app, asked).items()
    }
    plain = _explained if asked.explain else _short
    answers = {name: {s: plain(o) for s, o in one.items()} for name, one in scores.items()}
    return Scored(user_id=asked.user_id, at=moment, evidence=evidence, scores=answers)


def scores_of(desk: Desk, asked: ScoreIn) -> dict[str, Scores]:
    """The same as the scorer gives them, for pages that draw them."""
    app, now = desk.app, desk.app.clock()
    person: Any = (
        desk.reading(asked.user_id)
        if asked.user_id is not None
        else _stranger(asked.actions or (), app, now)[0]
    )
    return {
        name: app.scorer.score(person, text, asked.context, now=now, cold_start=True)
        for name, text in contents(app, asked).items()
    }


def contents(app: Personalizer, asked: ScoreIn) -> Mapping[str, str]:
    """Name to text of everything that is to be scored."""
    found = dict(asked.contents)
    if asked.content is not None:
        found[CONTENT] = asked.content
    if asked.items:
        for name, item in zip(asked.items, app.store.catalogue.read(asked.items), strict=True):
            if item is None:
                raise UnknownName(f"no item {name!r} in the catalogue: PUT /v1/items comes first")
            found[name] = item.text
    return found


def actions_of(deeds: Iterable[Deed]) -> list[UserAction]:
    """What somebody did, as nouns."""
    return [UserAction(d.type, d.content, d.weight, d.timestamp) for d in deeds]  # type: ignore[arg-type]


def _stranger(deeds: Iterable[Deed], app: Personalizer, now: datetime) -> tuple[Any, float]:
    actions = actions_of(deeds)
    if not actions:
        return [], 0.0
    still = Profile.from_actions(actions, app.encoder).at(now)
    return actions, 0.0 if still is None else still.evidence


def texts_of(asked: ScoreIn) -> list[str]:
    """The texts that are scored, but for those of the catalogue."""
    return [*asked.contents.values(), *(() if asked.content is None else (asked.content,))]


def _answered(job: ScoreJob) -> Scored | Exception:
    try:
        return score_one(job.desk, job.asked)
    except Exception as error:  # noqa: BLE001 - it belongs to the caller who caused it
        return error


def _short(output: SliderOutput) -> SliderScore:
    return SliderScore(
        probability=output.probability,
        low=output.low,
        high=output.high,
        relative_probability=output.relative_probability,
        raw_score=output.raw_score,
    )


def _explained(output: SliderOutput) -> SliderScore:
    plain = output.to_dict()
    del plain["name"], plain["evidence"]
    return SliderScore(**plain)
