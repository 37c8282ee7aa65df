"""The bandit egreedy-v1 under its published routes: thin names for deciding and telling."""

from __future__ import annotations

from uuid import uuid4

import msgspec
from fastapi import APIRouter, Request, Response

from vibrator.bandits.egreedy_v1 import TipFacts
from vibrator.decisions import Situation
from vibrator.errors import Refused
from vibrator.intent.guards import ConsentGuard
from vibrator.personalizer import people
from vibrator.service.answers import TipChosen, TipRewarded, TipStats
from vibrator.service.bodies import EgreedyRewardIn, EgreedyScoreIn
from vibrator.service.desk import Desk
from vibrator.service.house import answer, desk_of, house_of
from vibrator.service.keys import READ, WRITE
from vibrator.service.reading import read
from vibrator.service.routes.people import UserId
from vibrator.service.schemas import documented

router = APIRouter(tags=["egreedy-v1"])
TIPS = {"user_id": "ada", "tips": [{"id": "pay rent", "priority": "urgent", "task_age_days": 2}]}
REWARD = {"decision_id": "…", "action": "done", "dwell_ms": 60000}


@router.post("/score/egreedy", **documented(TipChosen, asked=EgreedyScoreIn, example=TIPS))
async def score(request: Request) -> Response:
    """Choose one of a user's open tips; without consent nothing is chosen."""
    desk = desk_of(request, WRITE)
    asked = await read(request, EgreedyScoreIn)
    return answer(await house_of(request).lane.run(_score, desk, asked))


@router.post("/reward/egreedy", **documented(TipRewarded, asked=EgreedyRewardIn, example=REWARD))
async def reward(request: Request) -> Response:
    """What came of the choice; telling it twice changes nothing."""
    desk = desk_of(request, WRITE)
    told = await read(request, EgreedyRewardIn)
    return answer(await house_of(request).lane.run(_reward, desk, told))


@router.get("/stats/egreedy/{user_id:path}", **documented(TipStats))
async def stats(request: Request, user_id: UserId) -> Response:
    """What was shown, what came of it, and what the model believes."""
    desk = desk_of(request, READ)
    found = await house_of(request).lane.run(desk.bandit.stats, user_id)
    return answer(TipStats(**found))


def _score(desk: Desk, asked: EgreedyScoreIn) -> TipChosen:
    tips = [TipFacts.of(msgspec.to_builtins(tip)) for tip in asked.tips]
    now = desk.app.clock()
    user = people.resolve(desk.store, asked.user_id)
    _require_consent(desk, user, tuple(tip.tip_id for tip in tips))
    local = (
        None if asked.hour is None or asked.day_of_week is None else (asked.hour, asked.day_of_week)
    )
    return TipChosen(
        **desk.bandit.score(
            user, tips, at=now, decision_id=uuid4().hex, rng=desk.app.rng, local=local
        )
    )


def _reward(desk: Desk, told: EgreedyRewardIn) -> TipRewarded:
    now = desk.app.clock()
    return TipRewarded(
        **desk.bandit.reward(told.decision_id, told.action, at=now, dwell_ms=told.dwell_ms)
    )


def _require_consent(desk: Desk, user: str, tips: tuple[str, ...]) -> None:
    guard = next(g for g in desk.app.guards if isinstance(g, ConsentGuard))
    situation = Situation(
        user_id=user,
        at=desk.app.clock(),
        candidates=tips,
        consents=people.consents(desk.store, user),
    )
    refusals = guard.refusals(situation)
    if refusals:
        raise Refused(next(iter(refusals.values())))
