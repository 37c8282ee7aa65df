"""The console's pages, in the order of its navigation; one whose feature is absent is left out."""

from __future__ import annotations

from importlib.util import find_spec

from fastapi import APIRouter, Request, Response

from vibrator.service.console import (
    calibration,
    decisions,
    experiments,
    people,
    playground,
    simulations,
    system,
    value,
)
from vibrator.service.console.rendering import Templates, form_of, see
from vibrator.service.house import House
from vibrator.service.sessions import COOKIE, LIFETIME_SECONDS, Sessions

VALUE_NEEDS = ("lightgbm", "pyarrow", "python_multipart")


def console_router(house: House, sessions: Sessions) -> tuple[APIRouter, Templates]:
    """All pages that this service can show, and what renders them."""
    listed = [playground, people, calibration, decisions, simulations]
    if house.settings.store.startswith("sqlite:"):
        listed.append(experiments)  # whose ledger lives in SQLite
    folder = house.settings.ltv_models
    with_value = folder is not None and all(map(find_spec, VALUE_NEEDS))
    pages = [module.PAGE for module in listed] + [value.PAGE] * with_value + [system.PAGE]
    templates = Templates(pages, keyed=house.keyring is not None)
    routes = APIRouter()
    for module in (*listed, system):
        routes.include_router(module.router(house, templates))
    if with_value and folder is not None:
        routes.include_router(value.router(house, folder, templates))
    routes.include_router(_doors(house, sessions, templates))
    return routes, templates


def _doors(house: House, sessions: Sessions, templates: Templates) -> APIRouter:
    routes = APIRouter()

    @routes.get("/console/login")
    async def ask(request: Request) -> Response:
        return templates.page(request, "login.html", "Log in", wrong=False)

    @routes.post("/console/login")
    async def log_in(request: Request) -> Response:
        form = await form_of(request)
        caller = None if house.keyring is None else house.keyring.caller(form.get("key", ""))
        if caller is None:
            again = templates.page(request, "login.html", "Log in", wrong=True)
            again.status_code = 401
            return again
        answer = see("/console")
        answer.set_cookie(
            COOKIE, sessions.begin(caller), max_age=LIFETIME_SECONDS, httponly=True,
            samesite="strict", secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    @routes.post("/console/logout")
    async def log_out(request: Request) -> Response:
        sessions.end(request.headers.get("cookie", ""))
        answer = see("/console/login")
        answer.delete_cookie(COOKIE)
        return answer

    return routes
