"""Lifetime value: score an uploaded file with a model, and ask what would change the answer."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import APIRouter, Request, Response

from vibrator.charts import tidy
from vibrator.charts.page import PAGE_STYLE
from vibrator.errors import ArtefactError, BadInput, UnknownName, VibratorError
from vibrator.service.console.rendering import HEADERS, POLICY, Page, Templates, table
from vibrator.service.house import House, caller_of
from vibrator.service.keys import READ

PAGE = Page("Lifetime value", "/console/value")
SHOWN, MOST_DIGITS = 50, 12
KINDS = (".csv", ".parquet")
SHEET = base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()


def router(house: House, folder: Path, templates: Templates) -> APIRouter:
    """The page, the scoring, and each model's own report."""
    routes = APIRouter()

    @routes.get("/console/value")
    async def page(request: Request) -> Response:
        caller_of(request, READ)
        models = await house.lane.run(_models, folder)
        return templates.page(request, "value.html", PAGE.name, models=models, folder=folder)

    @routes.post("/console/value/score")
    async def score(request: Request) -> Response:
        caller_of(request, READ)
        async with request.form() as form:
            plain = {name: str(form.get(name, "")) for name in ("model", "row", "changes")}
            upload: Any = form.get("file")
            content = await upload.read() if hasattr(upload, "read") else b""
            kind = Path(getattr(upload, "filename", "") or "").suffix
        try:
            values = await house.lane.run(_scored, folder, plain, content, kind)
        except VibratorError as error:
            return templates.problem(request, error, PAGE)
        return templates.fragment(request, "_values.html", PAGE, **values)

    @routes.get("/console/value/{name}/report")
    async def report(request: Request, name: str) -> Response:
        caller_of(request, READ)
        words = await house.lane.run(_report, folder, name)
        headers = {**HEADERS, "Content-Security-Policy": POLICY.replace(
            "style-src", f"style-src 'sha256-{SHEET}'")}  # fmt: skip
        return Response(words, 200, headers, "text/html")

    return routes


def _models(folder: Path) -> list[dict[str, Any]]:
    from vibrator.ltv.artefact import list_models

    return [{"name": name, **_facts(folder / name)} for name in list_models(folder)]


def _facts(home: Path) -> dict[str, str]:
    """What the page tells of a model; of a torn one why it cannot be used."""
    from vibrator.ltv.artefact import read_manifest

    try:
        manifest = read_manifest(home)
    except ArtefactError as error:
        return {"fault": str(error)}
    window = f"{manifest.window[0][:10]} to {manifest.window[-1][:10]}"
    horizons = ", ".join(f"D{horizon}" for horizon in manifest.metrics)
    return {"window": window, "horizons": horizons, "fault": ""}


def _home(folder: Path, name: str) -> Path:
    """The folder of a model; a name is never a path."""
    from vibrator.ltv.artefact import list_models

    known = list_models(folder)
    if name not in known:
        raise UnknownName(f"no model {name!r}; known: {known}")
    return folder / name


@lru_cache(maxsize=4)
def _predictor(home: Path, _made: float) -> Any:
    from vibrator.ltv.predictor import FastPredictor

    return FastPredictor(home)


def _scored(folder: Path, form: Mapping[str, str], content: bytes, kind: str) -> dict[str, Any]:
    from vibrator.ltv.artefact import MANIFEST

    home = _home(folder, form["model"])
    predictor = _predictor(home, (home / MANIFEST).stat().st_mtime)
    frame = _frame(content, kind)
    values = predictor.predict(frame)
    longest = [name for name in values.columns if name.startswith("value_d")][-1]
    order = values[longest].sort_values(ascending=False).index[:SHOWN]
    people = values.loc[order]
    who = frame[predictor.user] if predictor.user in frame else frame.index + 1
    people.insert(0, "who", [str(who[place]) for place in order])
    return {
        "count": len(values),
        "shown": SHOWN,
        "tiles": [(f"mean {_words(longest)}", tidy(float(values[longest].mean()))),
                  ("in all", tidy(float(values[longest].sum())))],
        "table": table([_row(row) for row in people.to_dict("records")]),
        "what_if": _what_if(predictor, frame, form),
    }  # fmt: skip


def _frame(content: bytes, kind: str) -> Any:
    from vibrator.ltv.frames import read_frame

    if kind not in KINDS or not content:
        raise BadInput(f"the file must be one of {KINDS} and not empty, got {kind!r}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{kind}"
        path.write_bytes(content)
        return read_frame(path)


def _what_if(predictor: Any, frame: Any, form: Mapping[str, str]) -> Any:
    changes = dict(_change(line) for line in form["changes"].splitlines() if line.strip())
    if not changes:
        return ""
    row = int(form["row"]) if form["row"].isdecimal() and len(form["row"]) < MOST_DIGITS else 0
    if not 1 <= row <= len(frame):
        raise BadInput(f"row must be from 1 to {len(frame)}, got {form['row']!r}")
    person = frame.iloc[row - 1].to_dict()
    answers = predictor.what_if(person, changes)
    return table([_row(_without_ends(answer)) for answer in answers])


def _without_ends(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What-if without the ends of intervals, so that all horizons are in sight."""
    ends = ("value_low", "value_high")
    return {name: value for name, value in answer.items() if not name.startswith(ends)}


def _change(line: str) -> tuple[str, Any]:
    name, equals, text = (part.strip() for part in line.partition("="))
    if not equals or not name:
        raise BadInput(f"a change must look like column = value, got {line[:60]!r}")
    if text.lower() in ("true", "false"):
        return name, text.lower() == "true"
    try:
        return name, float(text)
    except ValueError:
        return name, text


def _report(folder: Path, name: str) -> str:
    from vibrator.ltv.artefact import read_report
    from vibrator.ltv.report import report_page

    return report_page(read_report(_home(folder, name)), title=f"Lifetime value: {name}")


def _row(answer: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if not name.startswith("log_value")}
    return {_words(str(name)): _plain(value) for name, value in kept.items()}


def _words(name: str) -> str:
    """value_low_d7 as people read it.

    >>> _words("value_low_d7")
    'value low D7'
    """
    return name.replace("_d", " D").replace("_", " ")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)
