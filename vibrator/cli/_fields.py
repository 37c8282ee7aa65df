"""Columns that only the command line reads: when something was shown, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vibrator.datasets.fields import Fault, Field
from vibrator.datasets.times import Times

ANSWERS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}


def read_answer(value: Any) -> int:
    """Whether it was liked.

    >>> read_answer("True"), read_answer(0)
    (1, 0)
    """
    answer = ANSWERS.get(str(value).strip().lower())
    if answer is None:
        raise Fault("must be 0 or 1, true or false, yes or no")
    return answer


def time_field(timezone: str) -> Field:
    """A time, that has to be there; one without an offset is of the timezone, or refused."""
    times = Times(timezone)

    def read(value: Any) -> datetime:
        found = times.read(value)
        return found.replace(tzinfo=times.zone) if found.tzinfo is None else found

    return Field("timestamp", read, required=True)


OUTCOME = Field("outcome", read_answer, required=True)
