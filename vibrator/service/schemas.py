"""The OpenAPI document's share of a route: its body, its answer, its example."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from vibrator.service import answers, bodies
from vibrator.service.answers import ProblemOut

REF = "#/components/schemas/{name}"


def components() -> dict[str, Any]:
    """JSON schemas of every body and every answer."""
    kinds = [kind for module in (bodies, answers) for kind in vars(module).values()]
    described = [kind for kind in kinds if getattr(kind, "__struct_fields__", ())]
    return msgspec.json.schema_components(described, ref_template=REF)[1]


def documented(
    given: type[Struct], *, asked: Any = None, example: Any = None, words: str = "Done."
) -> dict[str, Any]:
    """Options of a route that describe its answer and its body."""
    found = {"description": words, "content": {"application/json": {"schema": schema_of(given)}}}
    problem = {"application/problem+json": {"schema": schema_of(ProblemOut)}}
    trouble = "A problem, with field, rule and value where one is to blame."
    options: dict[str, Any] = {
        "responses": {200: found, "default": {"description": trouble, "content": problem}}
    }
    if asked is not None:
        content: dict[str, Any] = {"schema": schema_of(asked)}
        if example is not None:
            content["example"] = example
        body = {"required": True, "content": {"application/json": content}}
        options["openapi_extra"] = {"requestBody": body}
    return options


def schema_of(kind: Any) -> dict[str, Any]:
    """How the document speaks of a body or an answer."""
    (found,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return dict(found)
