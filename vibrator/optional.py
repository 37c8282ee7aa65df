"""Optional packages: imported at the moment of use, never before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from vibrator.errors import MissingExtra


def need(module: str, *, extra: str) -> Any:
    """Import an optional module, or say in one line how to get it.

    >>> need("json", extra="demo").__name__
    'json'
    >>> need("no_such_package", extra="scale")
    Traceback (most recent call last):
    vibrator.errors.MissingExtra: no_such_package is missing: pip install 'vibrator[scale]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name != package:  # present but broken: a different problem, so let it speak
            raise
        raise MissingExtra(f"{package} is missing: pip install 'vibrator[{extra}]'") from None
