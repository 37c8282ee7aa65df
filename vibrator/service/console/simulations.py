"""Simulations: start a rehearsal, watch it grow, read what it showed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response

from vibrator.errors import BadInput, LimitReached, VibratorError
from vibrator.service.console.rendering import REPORT_WIDTH, Page, Templates, fields_of, scrollable
from vibrator.service.house import House, caller_of
from vibrator.service.keys import READ, WRITE
from vibrator.simulate import Plan, Run, fragment, reward_chart, standard_world, stream
from vibrator.simulate.runner import DEFAULT_LINEUP, LINEAR

log = logging.getLogger("vibrator.service")
PAGE = Page("Simulations", "/console/simulations")
POLICIES = ("random", *LINEAR)
MOST_EVENTS, MOST_SEEDS = 5_000, 20


@dataclass
class Rehearsal:
    """A run in the background: what is there so far, and whether it is over."""

    plan: Plan
    runs: list[Run] = field(default_factory=list)
    done: int = 0
    error: str = ""
    over: bool = False
    leaving: bool = False

    def go(self) -> None:
        """Seed by seed, until done or told to leave."""
        try:
            for more in stream(self.plan):
                self.runs = [*self.runs, *more]
                self.done += 1
                if self.leaving:
                    break
        except VibratorError as error:
            self.error = str(error)
        except Exception:  # whoever watches is told that it ended
            log.exception("a rehearsal failed")
            self.error = "The rehearsal failed; the log of the service names the error."
        finally:
            self.over = True


class Rehearsals:
    """The latest rehearsal of each tenant; one at a time goes on in this process."""

    def __init__(self) -> None:
        self._latest: dict[str, Rehearsal] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rehearsal")

    def of(self, tenant: str) -> Rehearsal | None:
        """The tenant's latest."""
        return self._latest.get(tenant)

    def start(self, tenant: str, plan: Plan) -> Rehearsal:
        """A new one, unless the last still runs."""
        last = self._latest.get(tenant)
        if last is not None and not last.over:
            raise LimitReached("a rehearsal is running already: wait for its last seed")
        self._latest[tenant] = rehearsal = Rehearsal(plan)
        self._thread.submit(rehearsal.go)
        return rehearsal

    def close(self) -> None:
        """Leave after the seed at hand."""
        for rehearsal in self._latest.values():
            rehearsal.leaving = True
        self._thread.shutdown(cancel_futures=True)


def router(house: House, templates: Templates) -> APIRouter:
    """The page, the start, the look at what is there so far."""
    routes = APIRouter()
    rehearsals = Rehearsals()
    house.leavers.append(rehearsals.close)

    @routes.get("/console/simulations")
    async def page(request: Request) -> Response:
        run = rehearsals.of(caller_of(request, READ).tenant)
        values = await house.lane.run(_shown, run)
        return templates.page(
            request, "simulations.html", PAGE.name, policies=POLICIES, chosen=DEFAULT_LINEUP,
            people=standard_world(), run=templates.part("_run.html", **values),
        )  # fmt: skip

    @routes.post("/console/simulations")
    async def start(request: Request) -> Response:
        caller = caller_of(request, WRITE)
        try:
            run = rehearsals.start(caller.tenant, _plan(await fields_of(request)))
        except VibratorError as error:
            return templates.problem(request, error, PAGE)
        return templates.fragment(request, "_run.html", PAGE, run=run, found="")

    @routes.get("/console/simulations/run")
    async def look(request: Request) -> Response:
        run = rehearsals.of(caller_of(request, READ).tenant)
        return templates.fragment(request, "_run.html", PAGE, **await house.lane.run(_shown, run))

    return routes


def _shown(run: Rehearsal | None) -> dict[str, Any]:
    runs = [] if run is None else run.runs
    if run is None or not runs:
        return {"run": run, "found": ""}
    draw = fragment if run.over else reward_chart
    return {"run": run, "found": scrollable(draw(runs, width=REPORT_WIDTH))}


def _plan(fields: Sequence[tuple[str, str]]) -> Plan:
    policies = tuple(value for name, value in fields if name == "policy")
    given = dict(fields)
    return Plan(
        policies,
        _within("events", given.get("events", ""), MOST_EVENTS),
        _within("seeds", given.get("seeds", ""), MOST_SEEDS),
    )


def _within(name: str, text: str, most: int) -> int:
    if not text.isdecimal() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
        raise BadInput(f"{name} must be a number from 1 to {most:,}, got {text[:40]!r}")
    return int(text)
