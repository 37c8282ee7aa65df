"""Moments as files write them: ISO 8601 with or without an offset, epoch seconds, milliseconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from vibrator.datasets.fields import Fault
from vibrator.errors import BadInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 1e11  # seconds reach it in the year 5138, milliseconds in March 1973
LARGEST_EPOCH = 1e14
EARLIEST, LATEST = 1900, 2200  # years; times outside come from a wrong unit or a torn field
REFUSE = "refuse"
RULE = "must be ISO 8601, epoch seconds or epoch milliseconds"
NAIVE = "must carry a timezone"
YEARS = f"must lie in the years from {EARLIEST} to {LATEST}"


@dataclass(frozen=True, slots=True)
class Times:
    """How times are read: naive ones are moments of `timezone`, or refused.

    >>> Times().read("2026-03-02T09:00:00Z") == Times().read("1772442000000")
    True
    >>> Times("refuse").read("2026-03-02 09:00")
    Traceback (most recent call last):
    vibrator.datasets.fields.Fault: must carry a timezone
    """

    timezone: str = "UTC"
    zone: tzinfo | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", None if self.timezone == REFUSE else _zone(self.timezone))

    def read(self, value: Any) -> datetime:
        """One time; naive if it was written so and may be."""
        moment = _moment(value)
        if not EARLIEST <= moment.year < LATEST:
            raise Fault(YEARS)
        if moment.tzinfo is None and self.zone is None:
            raise Fault(NAIVE)
        return moment

    def read_all(self, values: Sequence[Any]) -> list[datetime]:
        """A column of ISO texts at once; any other value is a ValueError or TypeError."""
        moments = list(map(datetime.fromisoformat, values))
        if not all(EARLIEST <= moment.year < LATEST for moment in moments):
            raise Fault(YEARS)
        if self.zone is None and not all(moment.tzinfo for moment in moments):
            raise Fault(NAIVE)
        return moments

    def in_utc(self, moments: Sequence[datetime | None]) -> tuple[list[datetime | None], int]:
        """A column of times as moments of UTC, and how many of them were naive."""
        naive = sum(moment is not None and moment.tzinfo is None for moment in moments)
        return [None if moment is None else self._utc(moment) for moment in moments], naive

    def _utc(self, moment: datetime) -> datetime:
        if moment.tzinfo is UTC:
            return moment
        placed = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        return placed.astimezone(UTC)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - naive, as it came
    if isinstance(value, bool):
        raise Fault(RULE)
    try:
        return _from_epoch(float(value))
    except (ValueError, TypeError):
        pass
    try:
        return datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        raise Fault(RULE) from None


def _from_epoch(number: float) -> datetime:
    if not math.isfinite(number) or abs(number) >= LARGEST_EPOCH:
        raise Fault(RULE)
    seconds = number / 1000.0 if abs(number) >= MILLISECONDS_FROM else number
    return EPOCH + timedelta(seconds=seconds)


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        raise BadInput(f"timezone must be {REFUSE!r} or a zone's name, got {name!r}") from None
