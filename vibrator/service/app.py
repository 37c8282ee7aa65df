"""The application: routes in a house, behind a door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from vibrator import __version__
from vibrator.errors import Refused, VibratorError
from vibrator.service.console.pages import console_router
from vibrator.service.console.rendering import FRAGMENT
from vibrator.service.door import Door, Told
from vibrator.service.house import House
from vibrator.service.keys import Keyring
from vibrator.service.problems import Problem, problem_of
from vibrator.service.routes import catalogue, loop, operations, people, tips
from vibrator.service.schemas import components
from vibrator.service.settings import Settings

EXPECTED = (
    Problem, VibratorError, msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError,
)  # fmt: skip
ROUTERS = (loop.router, people.router, catalogue.router, operations.router, tips.router)
ABOUT = """What people did goes in, in words; how likely content is to fit them comes out, with \
reasons, and decisions whose outcomes teach. Every error is a problem+json that names field, rule \
and value."""


def create_app(settings: Settings | None = None) -> Door:
    """The ASGI application; without settings they come from the environment."""
    given = Settings() if settings is None else settings
    keyring = None if given.keys_file is None else Keyring.load(given.keys_file)
    if keyring is not None and not len(keyring):
        raise Refused(
            f"{given.keys_file} has no keys, so that nobody could come in: make one with "
            f"`vibrator serve key NAME --keys-file {given.keys_file}`"
        )
    house = House(given, keyring)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        house.close()

    app = FastAPI(
        title="vibrator", version=__version__, description=ABOUT, lifespan=lifespan,
        docs_url=None, redoc_url=None, openapi_url=None,
    )  # fmt: skip
    app.state.house = house
    for router in ROUTERS:
        app.include_router(router)
    static = files("vibrator.service.console").joinpath("static")
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
    door = Door(app, given, keyring, house.metrics, hot=loop.HOT)
    if given.console:
        pages, templates = console_router(house, door.sessions)
        app.include_router(pages, include_in_schema=False)
        app.state.templates = templates
    door.told = _speak_problems(app)
    _describe(app)
    return door


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the bodies that msgspec reads."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        kept = found.setdefault("components", {})
        kept["schemas"] = components()  # FastAPI's own answers of error are not ours
        kept["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}, {}]
        for path in found["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        app.openapi_schema = found
    return app.openapi_schema


def _looks_at_pages(request: Request) -> bool:
    """Whether the answer will be read by a person, in a console that is there."""
    if not request.url.path.startswith("/console"):
        return False
    return FRAGMENT in request.headers or "text/html" in request.headers.get("accept", "")


def _describe(app: FastAPI) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> dict[str, Any]:
        return openapi(app)


def _speak_problems(app: FastAPI) -> Told:
    templates = getattr(app.state, "templates", None)  # none without the console

    async def known(request: Request, error: Exception) -> Response:
        if templates is None or not _looks_at_pages(request):
            return problem_of(error)
        found: Response = templates.trouble(request, error)
        return found

    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        problem = Problem(422, "bad input", f"{first['loc'][-1]}: {first['msg']}")
        problem.parts = {"field": str(first["loc"][-1]), "rule": first["msg"]}
        value = first.get("input")
        if value is not None:
            problem.parts["value"] = str(value)[:200]
        return await known(request, problem)

    async def missing(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        title = HTTPStatus(error.status_code).phrase.lower()
        words = "there is nothing at this address" if error.status_code == 404 else error.detail
        return await known(request, Problem(error.status_code, title, str(words), headers))

    for kind in EXPECTED:
        app.add_exception_handler(kind, known)
    app.add_exception_handler(Exception, known)  # answered here, noted at the door
    app.add_exception_handler(RequestValidationError, malformed)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, missing)  # type: ignore[arg-type]
    return known
