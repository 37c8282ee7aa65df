"""Templates, the headers of a page, and what every page knows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vibrator.charts import table as html_table
from vibrator.charts.marks import STYLE
from vibrator.errors import VibratorError
from vibrator.service.door import CALLER
from vibrator.service.problems import problem_of

FRAGMENT = "x-fragment"
CHART_WIDTH = 430  # its words are still read on a telephone, where it is drawn at 0.8
REPORT_WIDTH = 480  # of pictures with long names; there at 0.7
PICTURES = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'self' 'sha256-{PICTURES}'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY}


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of the navigation."""

    name: str
    path: str


class Templates:
    """Renders a template as a page; what the reader typed is always escaped."""

    def __init__(self, pages: Sequence[Page], *, keyed: bool) -> None:
        self._known = {"pages": pages, "keyed": keyed}
        self._environment = Environment(
            loader=PackageLoader("vibrator.service.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"moment": moment, "quoted": quoted, "signed": signed}

    def page(self, request: Request, name: str, here: str, **values: Any) -> Response:
        """A whole page."""
        known = {**self._known, "here": here, "caller": request.scope.get(CALLER)}
        words = self._environment.get_template(name).render({**known, **values})
        return Response(words, 200, HEADERS, "text/html")

    def first_slider(self, request: Request, here: Page) -> Response:
        """In place of a page that needs sliders: the form that makes the first one."""
        return self.page(request, "no_sliders.html", here.name, sliders={})

    def fragment(self, request: Request, name: str, here: Page, **values: Any) -> Response:
        """Part of a page for the script; for readers without one, on a page of its own."""
        if FRAGMENT in request.headers:
            words = self._environment.get_template(name).render(values)
            return Response(words, 200, HEADERS, "text/html")
        back = {"fragment": name, "back": here.path}
        return self.page(request, "answer.html", here.name, **back, **values)

    def part(self, name: str, **values: Any) -> Markup:
        """Part of a page, ready to stand in another."""
        return Markup(self._environment.get_template(name).render(values))  # noqa: S704 - escaped

    async def tried(
        self, request: Request, name: str, here: Page, work: Awaitable[Mapping[str, Any]]
    ) -> Response:
        """The fragment with what the work gives, or what it was refused for."""
        try:
            values = await work
        except VibratorError as error:
            return self.problem(request, error, here)
        return self.fragment(request, name, here, **values)

    def trouble(self, request: Request, error: Exception) -> Response:
        """What went wrong, for somebody who looks at pages."""
        problem = problem_of(error)
        told = msgspec.json.decode(problem.body)
        here = Page(told["title"].capitalize(), "/console")
        answer = self.fragment(request, "_problem.html", here, words=told["detail"])
        answer.status_code = problem.status_code
        rest = {n: v for n, v in problem.headers.items() if not n.startswith("content-")}
        answer.headers.update(rest)  # such as when to come back
        return answer

    def problem(self, request: Request, error: VibratorError, here: Page) -> Response:
        """What a form was refused for."""
        return self.fragment(request, "_problem.html", here, words=str(error))


def ready(markup: str) -> Markup:
    """Markup that our own charts and tables have escaped already."""
    return Markup(markup)  # noqa: S704 - made by vibrator.charts, which escapes


def table(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Rows as a table; nothing for no rows."""
    return scrollable(html_table(rows)) if rows else Markup("")


def scrollable(markup: str) -> Markup:
    """Our own markup, its wide tables within reach of the keyboard."""
    return ready(markup.replace('<div class="scroll">', '<div class="scroll" tabindex="0">'))


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def share(value: float) -> str:
    """A probability as people read it.

    >>> [share(value) for value in (0.0, 0.0043, 0.245, 1.0)]
    ['0%', '0.4%', '24%', '100%']
    """
    return f"{value:.1%}" if 0.0 < value < 0.0995 else f"{value:.0%}"


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign.

    >>> signed(-0.146, 2), signed(-0.0004, 2)
    ('−0.15', '+0.00')
    """
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def moment(at: datetime) -> str:
    """A time as people read it."""
    return f"{at:%-d %b %Y %H:%M} UTC"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of several with one name, the last."""
    return dict(await fields_of(request))


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form, in order."""
    content = (await request.body()).decode("utf-8", errors="replace")
    return [(name, value.strip()) for name, value in parse_qsl(content, keep_blank_values=True)]


def see(path: str) -> Response:
    """Go on to another page after a form was taken."""
    return Response(status_code=303, headers={"Location": path, **HEADERS})
