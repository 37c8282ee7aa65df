"""Calibration: whether what was said came true, and whether that is drifting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from vibrator.charts import percent
from vibrator.errors import VibratorError
from vibrator.personalizer.fitting import FITTED_NOTE, STALE_NOTE
from vibrator.service import quality
from vibrator.service.answers import Figures
from vibrator.service.console.rendering import CHART_WIDTH, Page, Templates, ready, table
from vibrator.service.desk import Desk
from vibrator.service.house import House, desk_of
from vibrator.service.keys import ADMIN, READ

PAGE = Page("Calibration", "/console/calibration")


def router(house: House, templates: Templates) -> APIRouter:
    """The page, and the fit."""
    routes = APIRouter()

    async def shown(request: Request, said: str = "", kind: str = "good") -> Response:
        values = await house.lane.run(_shown, desk_of(request, READ))
        return templates.page(
            request, "calibration.html", PAGE.name, **values, said=said, kind=kind
        )

    @routes.get("/console/calibration")
    async def page(request: Request) -> Response:
        return await shown(request)

    @routes.post("/console/calibration/fit")
    async def fit(request: Request) -> Response:
        desk = desk_of(request, ADMIN)
        try:
            fitted = await house.lane.run(desk.app.fit)
        except VibratorError as error:
            words = str(error)
            return await shown(request, f"{words[:1].upper()}{words[1:]}.", "warn")
        desk.readings.clear()
        own = ", ".join(fitted.own) or "no slider alone"
        return await shown(
            request, f"Fitted on {fitted.examples} answers, {fitted.liked} of them liked; "
            f"enough of its own: {own}. Scores use it from now on."
        )  # fmt: skip

    return routes


def _shown(desk: Desk) -> dict[str, Any]:
    rows = quality.answered(desk.store)
    values: dict[str, Any] = {
        "window": quality.WINDOW,
        "enough": quality.ENOUGH,
        "count": len(rows),
        "fitted": desk.store.note(FITTED_NOTE) is not None,
        "stale": desk.store.note(STALE_NOTE) is not None,
        "chart": "",
    }
    curve, drift = quality.curve(rows), quality.drift(rows)
    if curve is None or drift is None:
        return values
    together = quality.figures(rows)
    by_slider = {"all together": together, **quality.by_slider(rows)}
    listed = [_row(name, found) for name, found in by_slider.items()]
    return values | {
        "chart": ready(curve.to_svg("Said and happened")),
        "why": drift.why(),
        "drift": ready(drift.to_svg(width=CHART_WIDTH)),
        "tiles": _tiles(together),
        "table": table(listed),
    }


def _tiles(found: Figures) -> list[tuple[str, str]]:
    return [
        ("answered decisions", f"{found.answered:,}"),
        ("said, on average", percent(found.said or 0.0)),
        ("happened", percent(found.happened or 0.0)),
        ("Brier score", f"{found.brier_score:.3f}"),
        ("smooth ECE", f"{found.smooth_ece:.3f}"),
    ]


def _row(name: str, found: Figures) -> dict[str, str]:
    return {
        "slider": name,
        "answered": f"{found.answered:,}",
        "liked": f"{found.liked:,}",
        "said": _or_dash(found.said, percent),
        "happened": _or_dash(found.happened, percent),
        "Brier score": _or_dash(found.brier_score, "{:.3f}".format),
        "smooth ECE": _or_dash(found.smooth_ece, "{:.3f}".format),
    }


def _or_dash(value: float | None, how: Callable[[float], str]) -> str:
    return "–" if value is None else how(value)
