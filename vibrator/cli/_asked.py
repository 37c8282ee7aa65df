"""Options that several commands share, as one value instead of the same lines in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def asking(run: Callable[..., None]) -> Callable[..., None]:
    """The command that asks for each field of a dataclass where `run` takes the dataclass.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Where:
    ...     workers: int = 0
    >>> def run(source: str, where: Where) -> None:
    ...     print(source, where)
    >>> list(signature(asking(run)).parameters)
    ['source', 'workers']
    >>> asking(run)(source="log", workers=2)
    log Where(workers=2)
    """
    kinds = get_type_hints(run, include_extras=True)
    kinds.pop("return", None)
    values: dict[str, Any] = {name: kind for name, kind in kinds.items() if is_dataclass(kind)}

    def command(**given: Any) -> None:
        for name, kind in values.items():
            given[name] = kind(**{one.name: given.pop(one.name) for one in fields(kind)})
        run(**given)

    parameters = [
        asked
        for name, parameter in signature(run).parameters.items()
        for asked in (
            _fields(values[name])
            if name in values
            else [parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=kinds[name])]
        )
    ]
    command.__name__, command.__doc__, command.__module__ = (
        run.__name__,
        run.__doc__,
        run.__module__,
    )
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return command


def _fields(kind: Any) -> list[Parameter]:
    kinds = get_type_hints(kind, include_extras=True)
    return [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=kinds[one.name])
        for one in fields(kind)
    ]
