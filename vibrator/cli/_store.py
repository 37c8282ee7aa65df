"""What every command on a store asks for, and how it opens one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from vibrator.personalizer import Personalizer

STORE = typer.Argument(..., help="Where it is kept, such as sqlite:///app.db.", metavar="STORE")
TENANT = typer.Option("default", envvar="VIBRATOR_TENANT", help="Whose data it is.")
ENCODER = typer.Option("embedded", envvar="VIBRATOR_ENCODER", help="Which model reads.")
SLIDER = typer.Option(
    [], "--slider", help="name=text; a store remembers its sliders.", metavar="NAME=TEXT"
)


def pairs(given: list[str], what: str) -> dict[str, str]:
    """NAME=TEXT arguments as a mapping.

    >>> pairs(["depth=detailed docs"], "slider")
    {'depth': 'detailed docs'}
    """
    found = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals:
            raise BadInput(f"{what} must look like name=text, got {one!r}")
        found[name.strip()] = text.strip()
    return found


def require_there(url: str) -> None:
    """A mistyped path is told, and no empty store begun there."""
    from vibrator.stores.opening import sqlite_file

    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise BadInput(
            f"there is no store at {file}: `vibrator observe` and `vibrator store add` begin one, "
            "with --slider name=text"
        )


@contextmanager
def personalizer(
    url: str, tenant: str, encoder: str, sliders: list[str] | None = None, **options: Any
) -> Iterator[Personalizer]:
    """The Personalizer over a store, closed in the end."""
    from vibrator.personalizer import Personalizer

    named = pairs(sliders, "slider") if sliders else None
    if named is None:
        require_there(url)
    with Personalizer.open(url, sliders=named, tenant=tenant, encoder=encoder, **options) as app:
        yield app
