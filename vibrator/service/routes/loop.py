"""The loop itself: actions in, scores, rankings and decisions out, outcomes back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from vibrator.actions import UserAction
from vibrator.decisions import Decision
from vibrator.personalizer.intake import events_of
from vibrator.personalizer.people import resolve
from vibrator.service.answers import (
    ActionsTold,
    Decided,
    OutcomeTold,
    Ranked,
    RankedItem,
    Scored,
    ScoredBatch,
)
from vibrator.service.bodies import (
    ActionIn,
    DecideIn,
    OutcomeIn,
    RankIn,
    ScoreBatchIn,
    ScoreIn,
)
from vibrator.service.desk import Desk
from vibrator.service.house import answer, desk_of, house_of
from vibrator.service.keys import READ, WRITE
from vibrator.service.problems import Problem
from vibrator.service.reading import read, read_many
from vibrator.service.schemas import documented
from vibrator.service.serving import ScoreJob, texts_of
from vibrator.stores import Event, Which
from vibrator.stores.journal import ACTION

router = APIRouter(tags=["the loop"])
WROTE = {"user_id": "ada", "type": "write", "content": "how do gRPC deadlines propagate?"}
SCORE = {"user_id": "ada", "content": "a deep guide to gRPC"}


@router.post("/v1/score", **documented(Scored, asked=ScoreIn, example=SCORE))
async def score(request: Request) -> Response:
    """How well content fits a person now, on every slider."""
    desk = desk_of(request, READ)
    asked = await read(request, ScoreIn)
    house = house_of(request)
    house.metrics.asked.inc(len(asked.contents) + len(asked.items) + (asked.content is not None))
    return answer(await house.scoring.submit(ScoreJob(desk, asked)))


@router.post(
    "/v1/score/batch",
    **documented(ScoredBatch, asked=ScoreBatchIn, example={"requests": [SCORE]}),
)
async def score_batch(request: Request) -> Response:
    """Many scores; one that fails fails all of them."""
    desk = desk_of(request, READ)
    asked = await read(request, ScoreBatchIn)
    house = house_of(request)
    house.metrics.asked.inc(sum(len(texts_of(one)) + len(one.items) for one in asked.requests))
    jobs = [ScoreJob(desk, one) for one in asked.requests]
    return answer(ScoredBatch(results=await house.lane.run(_all_scored, jobs)))


@router.post(
    "/v1/rank",
    **documented(Ranked, asked=RankIn, example={"user_id": "ada", "k": 5, "diversity": 0.2}),
)
async def rank(request: Request) -> Response:
    """The items of the catalogue that fit best."""
    desk = desk_of(request, READ)
    asked = await read(request, RankIn)
    return answer(await house_of(request).lane.run(_ranked, desk, asked))


@router.post(
    "/v1/decide",
    **documented(
        Decided,
        asked=DecideIn,
        example={
            "user_id": "ada",
            "candidates": {"grpc": "a deep guide to gRPC", "cake": "plum cake"},
        },
    ),
)
async def decide(request: Request) -> Response:
    """Choose what to show, doing nothing included; consent is honoured, the choice is logged."""
    desk = desk_of(request, WRITE)
    asked = await read(request, DecideIn)
    house = house_of(request)
    house.metrics.asked.inc(len(asked.candidates))
    decision = await house.lane.run(
        desk.app.decide,
        asked.user_id,
        asked.candidates,
        asked.context,
        surface=asked.surface,
        purpose=asked.purpose,
    )
    house.metrics.count(decision)
    return answer(decided(decision))


@router.post(
    "/v1/outcomes",
    **documented(
        OutcomeTold,
        asked=OutcomeIn,
        example={"decision_id": "…", "what": "done", "dwell_ms": 60000},
    ),
)
async def outcomes(request: Request) -> Response:
    """What came of a decision; kept once, however often it is told."""
    desk = desk_of(request, WRITE)
    told = await read(request, OutcomeIn)
    news = await house_of(request).lane.run(
        desk.app.outcome,
        told.decision_id,
        told.what,
        dwell=told.dwell_ms,
        item_id=told.item_id,
        reward=told.reward,
        at=told.at,
        outcome_id=told.outcome_id,
    )
    return answer(OutcomeTold(accepted=news))


@router.post(
    "/v1/actions", **documented(ActionsTold, asked=ActionIn | list[ActionIn], example=WROTE)
)
async def actions(
    request: Request, idempotency_key: Annotated[str | None, Header(max_length=160)] = None
) -> Response:
    """What people did, one action or many; once this answers, they are safe."""
    desk = desk_of(request, WRITE)
    listed = await read_many(request, "actions", ActionIn)
    house = house_of(request)
    house.metrics.asked.inc(len(listed))
    accepted = await house.lane.run(_observed, desk, listed, idempotency_key)
    return answer(ActionsTold(accepted=accepted, received=len(listed)))


HOT = {
    "/v1/score": score,
    "/v1/score/batch": score_batch,
    "/v1/rank": rank,
    "/v1/decide": decide,
    "/v1/outcomes": outcomes,
}  # asked most, and with nothing but a body: the door leads straight to them


def decided(decision: Decision) -> Decided:
    """A decision as the API tells it."""
    return Decided(
        decision_id=decision.decision_id,
        user_id=decision.user_id,
        at=decision.at,
        chosen=list(decision.chosen),
        arm=decision.arm,
        propensity=decision.propensity,
        reason=decision.reason,
        policy=decision.policy,
        surface=decision.surface,
        propensities=dict(decision.propensities),
        refusals=dict(decision.refusals),
        versions=dict(decision.versions),
    )


def _all_scored(jobs: Sequence[ScoreJob]) -> list[Scored]:
    from vibrator.service.serving import score_together

    found = []
    for one in score_together(jobs):
        if isinstance(one, Exception):
            raise one
        found.append(one)
    return found


def _ranked(desk: Desk, asked: RankIn) -> Ranked:
    ranking = desk.app.rank(
        asked.user_id,
        asked.k,
        asked.where or None,
        slider=asked.slider,
        diversity=asked.diversity,
        context=asked.context,
    )
    items = []
    for row in ranking:
        best = max(row.scores.values(), key=lambda output: output.raw_score)
        items.append(
            RankedItem(
                item_id=row.item,
                score=row.score,
                best_slider=best.name,
                probability=best.probability,
                why=best.why(),
            )
        )
    return Ranked(user_id=asked.user_id, items=items)


def _observed(desk: Desk, told: Sequence[ActionIn], key: str | None) -> int:
    """Keep all of them or none."""
    now, by_user = desk.app.clock(), dict[str, list[UserAction]]()
    for place, one in enumerate(told):
        action = one.action(f"{key}#{place}" if key else None)
        by_user.setdefault(one.user_id, []).append(action)
    known = {user: resolve(desk.store, user) for user in by_user}
    events = [one for user, own in by_user.items() for one in events_of(known[user], own, now)]
    if key:
        _require_same(desk, events, now, beyond=f"{key}#{len(told)}")
    accepted: int = desk.store.events.append(events)
    for user in (*known, *known.values()):
        desk.readings.drop(user)
    return accepted


def _require_same(desk: Desk, events: Sequence[Event], now: datetime, *, beyond: str) -> None:
    """An idempotency key that comes back must come with the same actions, as many as before."""
    sent = {event.event_id: event for event in events}
    prefix = beyond.rpartition("#")[0] + "#"
    left = {name for name in sent if name.startswith(prefix)}
    fresh = len(left)
    for kept in desk.store.events.read(Which(kinds=(ACTION,), ids=(*sent, beyond))):
        again = sent.get(kept.event_id)
        if again is None or not _same(kept, again) or again.at not in {now, kept.at}:
            raise _key_used()
        left.discard(kept.event_id)
    if 0 < len(left) < fresh:
        raise _key_used()


def _key_used() -> Problem:
    return Problem(409, "key used", "Idempotency-Key came with other actions before")


def _same(kept: Event, again: Event) -> bool:
    return (kept.user_id, kept.text, kept.body) == (again.user_id, again.text, again.body)
