"""Checks at the edge: each refuses with the name, the rule and the value found."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from numbers import Integral, Real
from pathlib import Path

from vibrator.errors import BadInput, VibratorError

ODD = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
    csv.Error,
)  # fmt: skip


@contextmanager
def read_or_refused(what: object, error: type[VibratorError] = BadInput) -> Iterator[None]:
    """What others wrote is read inside: a value of another kind than expected is an error of ours.

    >>> with read_or_refused("state.json"):
    ...     [].get("current")
    Traceback (most recent call last):
    vibrator.errors.BadInput: state.json cannot be read: 'list' object has no attribute 'get'
    """
    try:
        yield
    except VibratorError:
        raise
    except ODD as odd:
        words = f"lacks {odd}" if isinstance(odd, KeyError) else f"cannot be read: {odd}"
        raise error(f"{what} {words:.200}") from odd


def require_text(name: str, value: object) -> str:
    """A text with words in it, in valid Unicode.

    >>> require_text("content", " ")
    Traceback (most recent call last):
    vibrator.errors.BadInput: content must be a text with words in it, got ' '
    """
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{name} must be a text with words in it, got {value!r:.120}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput(
            f"{name} must be valid Unicode, got a lone surrogate in {value!r:.120}"
        ) from None
    return value


def require_finite(name: str, value: object) -> float:
    """A number that is neither NaN nor infinite; a truth value is not a number."""
    # Python's own two first: asking Real is slow, and only numpy's numbers and fractions need it
    if isinstance(value, bool) or not isinstance(value, (float, int, Real)):
        raise BadInput(f"{name} must be a finite number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise BadInput(f"{name} must be a finite number, got one beyond every float") from None
    if not math.isfinite(number):
        raise BadInput(f"{name} must be a finite number, got {value!r}")
    return number


def require_positive(name: str, value: object) -> float:
    """A finite number above zero."""
    if not require_finite(name, value) > 0:
        raise BadInput(f"{name} must be positive, got {value!r}")
    return float(value)  # type: ignore[arg-type]


def require_share(name: str, value: object) -> float:
    """A number from 0 to 1."""
    if not 0.0 <= require_finite(name, value) <= 1.0:
        raise BadInput(f"{name} must lie from 0 to 1, got {value!r}")
    return float(value)  # type: ignore[arg-type]


def require_count(name: str, value: object) -> int:
    """A whole number of at least one; a truth value is not a number."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise BadInput(f"{name} must be a whole number, got {value!r}")
    if value < 1:
        raise BadInput(f"{name} must be at least 1, got {value!r}")
    return int(value)


def require_place(name: str, value: object) -> int:
    """A whole number from 0; a truth value is not a number."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise BadInput(f"{name} must be a whole number, got {value!r:.120}")
    if value < 0:
        raise BadInput(f"{name} must not be negative, got {value!r}")
    return int(value)


def require_aware(name: str, value: object) -> datetime:
    """The time in UTC; naive times are refused, because nobody can know what they mean."""
    if not isinstance(value, datetime):
        raise BadInput(f"{name} must be a datetime, got {value!r}")
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None or value.utcoffset() is None:
        raise BadInput(f"{name} must carry a timezone, got the naive {value!r}")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise BadInput(f"{name} must lie in the years 1 to 9999 of UTC, got {value!r}") from None


def require_path(name: str, value: object) -> Path:
    """The path of a file or folder, as a text or a path.

    >>> require_path("folder", None)
    Traceback (most recent call last):
    vibrator.errors.BadInput: folder must be a path, got None
    """
    if not isinstance(value, (str, os.PathLike)) or not str(value) or "\0" in str(value):
        raise BadInput(f"{name} must be a path, got {value!r}")
    return Path(value)
