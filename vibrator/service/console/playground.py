"""Playground: type what somebody did and what you would show, and see what fits and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from vibrator.actions import UserAction
from vibrator.charts import Bar, Frame, bar_chart
from vibrator.errors import BadInput
from vibrator.pipeline import Scores, SliderOutput
from vibrator.profile import Profile
from vibrator.service.console.rendering import (
    CHART_WIDTH,
    Page,
    Templates,
    form_of,
    ready,
    share,
    signed,
    table,
)
from vibrator.service.desk import Desk
from vibrator.service.house import House, desk_of
from vibrator.service.keys import READ, WRITE
from vibrator.service.metrics import Metrics
from vibrator.weights import FEATURES

PAGE = Page("Playground", "/console")
FEATURE_WORDS = {
    "user_to_slider": "what the person leans to",
    "item_to_slider": "what the content is about",
    "user_item_alignment": "person and content together",
    "recency": "how recently they acted",
}
WHATS = ("done", "snooze", "dismiss")
EXAMPLE = {
    "user": "",
    "did": "write: how do gRPC deadlines propagate?\nclick: reference manual of the scheduler",
    "a": "A deep guide to gRPC: streams, deadlines and cancellation",
    "b": "Sheet pan gnocchi: a quick recipe for a busy weeknight",
}
SUGGESTED = 200
CLOSE = 0.01  # probabilities nearer than this are called equal


def router(house: House, templates: Templates) -> APIRouter:
    """The page and its forms."""
    routes = APIRouter()
    run = house.lane.run

    @routes.get("/console")
    async def page(request: Request) -> Response:
        desk = desk_of(request, READ)
        if not desk.ready:
            return templates.first_slider(request, PAGE)
        users = await run(lambda: list(islice(desk.store.users(), SUGGESTED)))
        boosts = list(FEATURE_WORDS.items())
        return templates.page(
            request, "playground.html", PAGE.name, **EXAMPLE, users=users, boosts=boosts, result=""
        )

    @routes.post("/console/playground/score")
    async def score(request: Request) -> Response:
        desk, form = desk_of(request, READ), await form_of(request)
        return await templates.tried(request, "_scores.html", PAGE, run(_scored, desk, form))

    @routes.post("/console/playground/remember")
    async def remember(request: Request) -> Response:
        desk, form = desk_of(request, WRITE), await form_of(request)
        return await templates.tried(request, "_note.html", PAGE, run(_remembered, desk, form))

    @routes.post("/console/playground/decide")
    async def decide(request: Request) -> Response:
        desk, form = desk_of(request, WRITE), await form_of(request)
        deciding = run(_decided, desk, form, house.metrics)
        return await templates.tried(request, "_decision.html", PAGE, deciding)

    @routes.post("/console/playground/outcome")
    async def outcome(request: Request) -> Response:
        desk, form = desk_of(request, WRITE), await form_of(request)
        return await templates.tried(request, "_note.html", PAGE, run(_told, desk, form))

    return routes


def typed_actions(text: str, user: str | None = None) -> list[UserAction]:
    """A line an action: its type, a colon, the words.

    >>> [(a.action_type, a.content) for a in typed_actions("click: a tent")]
    [('click', 'a tent')]
    """
    actions = []
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
        kind, colon, words = line.partition(":")
        if not colon or not kind.strip() or " " in kind.strip() or not words.strip():
            raise BadInput(f"line {number} must look like “click: the words”, got {line[:60]!r}")
        actions.append(UserAction(kind.strip(), words.strip(), user_id=user))
    return actions


def _scored(desk: Desk, form: Mapping[str, str]) -> dict[str, Any]:
    app, now = desk.app, desk.app.clock()
    person, context = _person(desk, form, now), _context(form)
    texts = {name.upper(): form[name] for name in ("a", "b") if form.get(name)}
    if not texts:
        raise BadInput("what you would show must not be empty")
    scores = {
        name: app.scorer.score(person, text, context, now=now, cold_start=True)
        for name, text in texts.items()
    }
    return {
        "scored": [_drawn(name, texts[name], scores[name]) for name in texts],
        "verdict": _verdict(scores),
    }


def _person(desk: Desk, form: Mapping[str, str], now: datetime) -> Profile:
    """What is known of the person, and what was typed, as if it had just happened."""
    app = desk.app
    user = form.get("user", "")
    actions = [
        UserAction(a.action_type, a.content, a.weight, now)
        for a in typed_actions(form.get("did", ""))
    ]
    profile = desk.fold(user, now) if user else Profile(fingerprint=app.encoder.fingerprint)
    if actions:
        vectors = app.encoder.encode_actions(actions)
        profile.add(actions, vectors, fingerprint=app.encoder.fingerprint)
    return profile


def _drawn(name: str, text: str, scores: Scores) -> dict[str, Any]:
    outputs = sorted(scores.values(), key=lambda output: -output.probability)
    bars = [Bar(o.name, o.probability, o.low, o.high) for o in outputs]
    frame = Frame(
        "How likely it fits", "the whisker is a 90 % interval",
        x_range=(0.0, 1.0), x_format=share, width=CHART_WIDTH,
    )  # fmt: skip
    return {
        "name": name,
        "text": text,
        "chart": ready(bar_chart(bars, frame)),
        "why": [{"slider": o.name, "words": o.why()} for o in outputs[:3]],
        "parts": table([_parts(o) for o in outputs]),
    }


def _parts(output: SliderOutput) -> dict[str, Any]:
    parts = {FEATURE_WORDS[name]: signed(output.contributions[name], 3) for name in FEATURES}
    return {"slider": output.name, **parts, "raw score": signed(output.raw_score, 3)}


def _verdict(scores: Mapping[str, Scores]) -> str:
    if len(scores) < 2:
        return ""
    means = {n: float(np.mean([o.probability for o in s.values()])) for n, s in scores.items()}
    best, other = sorted(means, key=means.__getitem__, reverse=True)
    if means[best] - means[other] < CLOSE:
        return f"{best} and {other} fit about equally, {means[best]:.0%} on average."
    figures = f"{means[best]:.0%} on average over the sliders, {other} {means[other]:.0%}"
    return f"{best} fits better: {figures}."


def _decided(desk: Desk, form: Mapping[str, str], metrics: Metrics) -> dict[str, Any]:
    offered = {name: form[name] for name in ("a", "b") if form.get(name)}
    decision = desk.app.decide(_named(form), offered, _context(form), surface="console")
    metrics.count(decision)
    shown = " ".join(offered[name] for name in decision.chosen)
    return {"decision": decision, "shown": shown, "whats": WHATS}


def _told(desk: Desk, form: Mapping[str, str]) -> dict[str, str]:
    what = form.get("what", "")
    dwell = 1_000.0 * _number("seconds", form.get("dwell") or "0")
    news = desk.app.outcome(form.get("decision_id", ""), what, dwell=dwell)
    return {"words": f"“{what}” is kept." if news else f"“{what}” was told before."}


def _remembered(desk: Desk, form: Mapping[str, str]) -> dict[str, str]:
    user = _named(form)
    actions = typed_actions(form.get("did", ""), user)
    if not actions:
        raise BadInput("what they did must have at least one line")
    kept = desk.app.observe(user, actions)
    desk.readings.drop(user)
    return {"words": f"{kept} actions of {user} are kept. Score again to see them count."}


def _named(form: Mapping[str, str]) -> str:
    if not form.get("user"):
        raise BadInput("who must be a name: remembering and deciding are about somebody")
    return form["user"]


def _context(form: Mapping[str, str]) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if form.get("is_work_hours"):
        context["is_work_hours"] = True
    if form.get("boost"):
        context["boost_feature"] = form["boost"]
    return context


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{name} must be a number, got {text!r}") from None
