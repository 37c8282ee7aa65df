"""Calibration, the decisions made, and what an operator asks of a running service."""

from __future__ import annotations

from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from vibrator.service import quality
from vibrator.service.answers import Calibration, Decided, Decisions, FittedTold, Status
from vibrator.service.desk import Desk
from vibrator.service.house import House, answer, desk_of, house_of
from vibrator.service.keys import ADMIN, READ
from vibrator.service.metrics import CONTENT_TYPE_LATEST
from vibrator.service.problems import Problem
from vibrator.service.routes.loop import decided
from vibrator.service.schemas import documented
from vibrator.stores import Which

router = APIRouter(tags=["operating"])
QUALITY_SECONDS = 10.0  # how long figures over the log are kept for the next scrape
GAUGES = ("answered", "brier_score", "smooth_ece")  # of the figures, those that are scraped


@router.get("/v1/calibration", **documented(Calibration))
async def calibration(request: Request) -> Response:
    """Brier score, smooth ECE and drift of the probabilities that decisions were made on."""
    desk = desk_of(request, READ)
    return answer(await house_of(request).lane.run(quality.summary, desk.store))


@router.post("/v1/calibration/fit", **documented(FittedTold))
async def fit(request: Request) -> Response:
    """Fit calibrators on the log's outcomes; scores use them from now on."""
    desk = desk_of(request, ADMIN)
    fitted = await house_of(request).lane.run(_fitted, desk)
    return answer(fitted)


@router.get("/v1/decisions", **documented(Decisions))
async def decisions(
    request: Request,
    newest: Annotated[int, Query(ge=1, le=1000)] = 50,
    user_id: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> Response:
    """The newest decisions, oldest first, with their reasons."""
    desk = desk_of(request, READ)
    which = Which(users=None if user_id is None else (user_id,), newest=newest)

    def listed() -> list[Decided]:
        return [decided(one) for one in desk.store.decisions.decisions(which)]

    return answer(Decisions(decisions=await house_of(request).lane.run(listed)))


@router.get("/healthz", **documented(Status))
async def healthz() -> Response:
    """Alive."""
    return answer(Status(status="ok"))


@router.get("/readyz", **documented(Status))
async def readyz(request: Request) -> Response:
    """Whether requests should be sent here: not without its store, not while it is leaving."""
    house = house_of(request)
    if house.leaving:
        raise Problem(503, "leaving", "the service is shutting down", {"Retry-After": "5"})
    await house.lane.run(house.require_ready)
    return answer(Status(status="ready"))


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Prometheus: the process as a whole, and the quality of the key's own tenant."""
    desk, house = desk_of(request, ADMIN), house_of(request)
    own = await house.lane.run(_quality, house, desk)
    return Response(house.metrics.exposition() + own.encode(), media_type=CONTENT_TYPE_LATEST)


def _fitted(desk: Desk) -> FittedTold:
    fitted = desk.app.fit()
    desk.readings.clear()
    return FittedTold(
        at=fitted.at, examples=fitted.examples, liked=fitted.liked, own=list(fitted.own)
    )


def _quality(house: House, desk: Desk) -> str:
    kept = house.quality.get(desk.tenant)
    if kept is None or monotonic() - kept[0] > QUALITY_SECONDS:
        found = quality.figures(quality.answered(desk.store))
        house.quality[desk.tenant] = kept = monotonic(), found
    return "".join(
        f"# TYPE vibrator_{name} gauge\nvibrator_{name} {value}\n"
        for name in GAUGES
        if (value := getattr(kept[1], name)) is not None
    )
