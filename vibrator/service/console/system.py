"""System: what the service runs on, its sliders, and how it has answered so far."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from vibrator import __version__
from vibrator.errors import VibratorError
from vibrator.service.console.rendering import Page, Templates, form_of, see, table
from vibrator.service.desk import Desk
from vibrator.service.house import House, desk_of
from vibrator.service.keys import ADMIN, READ
from vibrator.service.metrics import Metrics
from vibrator.sliders import Slider

PAGE = Page("System", "/console/system")
SNIPPET = """<script src="{base}/static/vibrator.js"></script>
<script type="module">
  const vibrator = new Vibrator({{ base: "{base}"{key} }});
  await vibrator.observe("ada", "click", "a deep guide to gRPC");
  const decision = await vibrator.decide("ada", {{ grpc: "gRPC streaming", cake: "plum cake" }});
</script>"""


def router(house: House, templates: Templates) -> APIRouter:
    """The page, and new sliders."""
    routes = APIRouter()

    @routes.get("/console/system")
    async def page(request: Request, said: str = "") -> Response:
        desk = desk_of(request, READ)
        base = str(request.base_url).rstrip("/")
        key = "" if house.keyring is None else ', key: "vib_…"'
        values: dict[str, Any] = {
            "tiles": _tiles(house.metrics, house),
            "facts": table(_facts(desk, house)),
            "routes": table(answers(house.metrics)),
            "sliders": desk.sliders,
            "said": "The slider is kept." if said else "",
            "snippet": SNIPPET.format(base=base, key=key),
        }
        return templates.page(request, "system.html", PAGE.name, **values)

    @routes.post("/console/system/sliders")
    async def put(request: Request) -> Response:
        desk, form = desk_of(request, ADMIN), await form_of(request)
        try:
            slider = Slider(form.get("text", ""), form.get("opposite") or None)
            await house.lane.run(desk.put_slider, form.get("name", ""), slider)
        except VibratorError as error:
            return templates.problem(request, error, PAGE)
        return see("/console/system?said=slider")

    return routes


def answers(metrics: Metrics) -> list[dict[str, Any]]:
    """A row a route: how often it answered, how quickly on average, how many in 25 ms."""
    rows: dict[str, dict[str, float]] = {}
    for sample in metrics.samples():
        row = rows.setdefault(sample.labels["route"], {"count": 0.0, "sum": 0.0, "quick": 0.0})
        part = sample.name.rpartition("_")[2]
        if part in row:
            row[part] += sample.value
        elif part == "bucket" and sample.labels["le"] == "0.025":
            row["quick"] += sample.value
    return [
        {
            "route": route,
            "answers": int(row["count"]),
            "mean ms": 1_000 * row["sum"] / row["count"],
            "in 25 ms": f"{row['quick'] / row['count']:.0%}",
        }
        for route, row in sorted(rows.items())
        if row["count"]
    ]


def _tiles(metrics: Metrics, house: House) -> list[tuple[str, str]]:
    return [
        ("answers", f"{sum(row['answers'] for row in answers(metrics)):,}"),
        ("cache hit rate", f"{metrics.hit_rate():.0%}"),
        ("scores waiting", str(house.scoring.waiting)),
        ("turned away", f"{metrics.turned():.0f}"),
    ]


def _facts(desk: Desk, house: House) -> list[dict[str, str]]:
    fingerprint = f" ({desk.app.encoder.fingerprint})" if desk.ready else ""
    found = {
        "version": __version__,
        "store": house.settings.store_shown,
        "encoder": f"{house.settings.encoder}{fingerprint}",
        "tenant": desk.tenant,
        "consent": "required" if house.settings.require_consent else "a no is honoured",
        "keys": "asked for" if house.keyring is not None else "none: this machine only",
    }
    return [{"what": name, "which": value} for name, value in found.items()]
