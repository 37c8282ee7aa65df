"""Users: who is in the log, what is known of each over time, and why."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from vibrator.charts import Bar, Frame, Line, bar_chart, line_chart
from vibrator.personalizer import Portrait
from vibrator.personalizer import people as registry
from vibrator.profile import Profile
from vibrator.service.console.decisions import with_outcomes
from vibrator.service.console.rendering import (
    CHART_WIDTH,
    Page,
    Templates,
    form_of,
    quoted,
    ready,
    see,
    signed,
    table,
)
from vibrator.service.desk import Desk
from vibrator.service.house import House, desk_of
from vibrator.service.keys import ADMIN, READ, WRITE
from vibrator.stores import Which
from vibrator.stores.journal import ACTION, to_action

PAGE = Page("Users", "/console/users")
SHOWN, POINTS, NEWEST_ACTIONS, LINES = 100, 40, 2_000, 5


def router(house: House, templates: Templates) -> APIRouter:
    """The list and the page of one user."""
    routes = APIRouter()
    run = house.lane.run

    @routes.get("/console/users")
    async def listed(request: Request, after: str = "", id: str = "") -> Response:  # noqa: A002
        desk = desk_of(request, READ)
        if id.strip():
            return see(f"/console/users/{quoted(id.strip())}")
        found = await run(_following, desk, after)
        values: dict[str, Any] = {"users": found[:SHOWN], "more": len(found) > SHOWN}
        values["after"] = after
        base = str(request.base_url).rstrip("/")
        return templates.page(request, "users.html", PAGE.name, **values, base=base)

    @routes.get("/console/users/{user_id:path}")
    async def one(request: Request, user_id: str, said: str = "") -> Response:
        desk = desk_of(request, READ)
        if not desk.ready:
            return templates.first_slider(request, PAGE)
        values = await run(_shown, desk, user_id)
        words = {"consent": "Their answer is kept.", "": ""}.get(said, "")
        return templates.page(request, "user.html", PAGE.name, **values, said=words)

    @routes.post("/console/users/{user_id:path}/consent")
    async def consent(request: Request, user_id: str) -> Response:
        desk, form = desk_of(request, WRITE), await form_of(request)
        await run(desk.app.set_consent, user_id, "personalization", bool(form.get("granted")))
        return see(f"/console/users/{quoted(user_id)}?said=consent")

    @routes.post("/console/users/{user_id:path}/forget")
    async def forget(request: Request, user_id: str) -> Response:
        desk, form = desk_of(request, ADMIN), await form_of(request)
        if form.get("sure"):
            await run(desk.app.forget, user_id)
            desk.readings.clear()
        return see("/console/users")

    return routes


def _following(desk: Desk, after: str) -> list[str]:
    return list(islice(desk.store.users(after), SHOWN + 1))


def _shown(desk: Desk, user: str) -> dict[str, Any]:
    app = desk.app
    portrait, now = app.profile(user), app.clock()
    decisions, came = with_outcomes(desk.store, Which(users=(portrait.user_id,), newest=10))
    values: dict[str, Any] = {
        "portrait": portrait,
        "decisions": decisions,
        "came": came,
        "consent": _consent(desk, portrait.user_id, now),
    }
    if portrait.events:
        values |= {
            "sliders": _sliders(portrait),
            "history": _history(desk, portrait, now),
            "actions": table(
                [
                    {"what they did": a.instruction(), "share": f"{s:.0%}".replace("-", "−")}
                    for a, s in portrait.actions
                ]
            ),
        }
    return values


def _sliders(portrait: Portrait) -> Markup:
    bars = [Bar(name, value) for name, value in portrait.sliders]
    frame = Frame(
        "Nearest sliders", "cosine of the person with each slider",
        x_format=lambda value: signed(value, 2).removeprefix("+"), width=CHART_WIDTH,
    )  # fmt: skip
    return ready(bar_chart(bars, frame))


def _history(desk: Desk, portrait: Portrait, now: datetime) -> Markup:
    """The same cosines at moments from the first action kept until now."""
    app = desk.app
    which = Which(users=(portrait.user_id,), kinds=(ACTION,), newest=NEWEST_ACTIONS)
    events = sorted((e for e in desk.store.events.read(which) if e.at <= now), key=lambda e: e.at)
    actions = [to_action(event) for event in events]
    vectors = app.encoder.encode_actions(actions)
    profile, fresh = Profile(fingerprint=app.encoder.fingerprint), 0
    times, rows = [], []
    for place in range(POINTS + 1):
        at = events[0].at + (now - events[0].at) * (place / POINTS)
        ripe = sum(event.at <= at for event in events)
        if ripe > fresh:
            fingerprint = app.encoder.fingerprint
            profile.add(actions[fresh:ripe], vectors[fresh:ripe], fingerprint=fingerprint)
            fresh = ripe
        reading = profile.at(at)
        if reading is not None:
            times.append(at)
            length = float(np.linalg.norm(reading.vector)) or 1.0
            rows.append(app.scorer.slider_vectors @ reading.vector / length)
    names = list(app.scorer.sliders)
    best = [name for name, _ in portrait.sliders[:LINES]]
    lines = [Line(name, times, [row[names.index(name)] for row in rows]) for name in best]
    return ready(
        line_chart(lines, Frame("Over time", "the same, since the first action", width=CHART_WIDTH))
    )


def _consent(desk: Desk, user: str, now: datetime) -> str:
    said = [c for c in registry.consents(desk.store, user) if c.purpose == "personalization"]
    if not said:
        return "They were not asked about personalization yet."
    last = said[-1]
    if last.granted and not last.holds(now):
        return "They said yes to personalization once; it ran out."
    return f"They said {'yes' if last.granted else 'no'} to personalization, {last.at:%-d %b %Y}."
