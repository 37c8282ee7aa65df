"""Experiments: the loop's own report, in the console."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from vibrator.experiments import Ledger
from vibrator.experiments.report import fragments, overview
from vibrator.service.console.rendering import REPORT_WIDTH, Page, Templates, scrollable
from vibrator.service.house import House, caller_of
from vibrator.service.keys import READ

PAGE = Page("Experiments", "/console/experiments")


def router(house: House, templates: Templates) -> APIRouter:
    """The page."""
    routes = APIRouter()

    @routes.get("/console/experiments")
    async def page(request: Request, domain: str = "") -> Response:
        tenant = caller_of(request, READ).tenant
        values = await house.lane.run(_shown, house.ledger(tenant), domain)
        return templates.page(
            request, "experiments.html", PAGE.name, **values, store=house.settings.store_shown
        )

    return routes


def _shown(ledger: Ledger, domain: str) -> dict[str, Any]:
    domains = ledger.all_domains()
    chosen = domain if domain in domains else next(iter(domains), "")
    if not chosen:
        return {"domains": (), "domain": "", "parts": (), "simulated": False}
    view = overview(ledger, chosen)
    parts = [scrollable(part) for part in _grouped(fragments(view, width=REPORT_WIDTH))]
    return {"domains": domains, "domain": chosen, "parts": parts, "simulated": view.simulated}


def _grouped(parts: list[str]) -> list[str]:
    """A heading and the pictures that follow it on one card."""
    cards: list[str] = []
    for part in parts:
        if cards and not part.startswith(("<h2", "<div")):
            cards[-1] += part
        else:
            cards.append(part)
    return cards
