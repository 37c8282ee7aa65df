"""What a reader has to say beside the rows: what was kept, what was refused and why."""

from __future__ import annotations

from dataclasses import dataclass

from vibrator.datasets.events import TORN, BadRow, RowReport
from vibrator.errors import BadInput, BadRows

__all__ = ["TORN", "BadRow", "ReadReport", "require_on_error", "stop"]

FIRST = 20  # faults that one error tells of
QUOTED = 120  # letters of a value that a fault repeats
ON_ERROR = ("raise", "skip")


@dataclass(slots=True)
class ReadReport(RowReport):
    """The rows kept and refused; of the kept, how many had a naive time or none at all."""

    kept: int = 0
    naive_times: int = 0
    without_time: int = 0

    def __str__(self) -> str:
        parts = [f"{self.kept:,} rows kept, {self.count:,} refused"]
        if self.naive_times:
            parts.append(f"{self.naive_times:,} times without a timezone")
        if self.without_time:
            parts.append(f"{self.without_time:,} without a time")
        return ", ".join(parts)


class Early:
    """Faults found ahead of their turn, handed over when it comes."""

    def __init__(self) -> None:
        self._rows: list[BadRow] = []

    def add(self, row: BadRow) -> None:
        """Hold on to a row."""
        self._rows.append(row)

    def taken(self) -> list[BadRow]:
        """What was held, which is held no longer."""
        rows, self._rows = self._rows, []
        return rows


@dataclass(frozen=True, slots=True)
class Faults:
    """Where the faults of one source are noted."""

    source: str
    report: ReadReport | Early

    def note(self, line: int, column: str, rule: str, value: object) -> None:
        """One fault, its value cut to a readable length."""
        self.report.add(BadRow(self.source, line, column, rule, str(value)[:QUOTED]))


def require_on_error(on_error: str) -> str:
    """What to do about faults: stop, or go on without the rows."""
    if on_error not in ON_ERROR:
        raise BadInput(f"on_error must be one of {list(ON_ERROR)}, got {on_error!r}")
    return on_error


def stop(report: ReadReport) -> None:
    """Raise the first twenty faults in one error."""
    shown = "\n  ".join(map(str, report.rows[:FIRST]))
    more = "" if report.count <= FIRST else "\n  and more"
    raise BadRows(
        f"rows broke rules; on_error='skip' goes on without them\n  {shown}{more}", report
    )
