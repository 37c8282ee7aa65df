"""What a contract expects to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refused(error: type[Exception]) -> Iterator[None]:
    """The block has to raise this error.

    >>> with refused(ValueError):
    ...     int("x")
    """
    try:
        yield
    except error:
        return
    raise AssertionError(f"{error.__name__} should have been raised")
