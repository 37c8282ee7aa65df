"""From numbers and times to pixels, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vibrator.charts.marks import LETTER, segment, text
from vibrator.charts.values import Frame, Line, Mark, tidy

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
CLOCK_STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)
CALENDAR_STEPS = (DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)


Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Box:
    """The rectangle, in pixels, that the data live in."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from low to high, laid out on pixels from start to end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel at which a value stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Axes:
    """Both scales of a picture with their ticks."""

    x: Scale
    y: Scale
    box: Box
    x_ticks: list[Tick]
    y_ticks: list[Tick]

    @classmethod
    def of(cls, lines: Sequence[Line], frame: Frame, marks: Sequence[Mark], box: Box) -> Axes:
        """Axes wide enough for every line, band and mark."""
        xs = [v for line in lines for v in numbers(line.x)]
        xs += [v for mark in marks if mark.axis == "x" for v in numbers([mark.at])]
        x = Scale(*(frame.x_range or widened(min(xs), max(xs))), box.left, box.right)
        y = Scale(*_y_range(lines, frame, marks), box.bottom, box.top)
        about = max(2, round((box.right - box.left) / 90))
        timed = isinstance(lines[0].x[0], datetime)
        x_ticks = (
            _time_ticks(x.low, x.high, about)
            if timed
            else ticks(x.low, x.high, frame.x_format, about)
        )
        return cls(x, y, box, x_ticks, ticks(y.low, y.high, frame.y_format))

    def draw(self, frame: Frame, *, y_names: bool = True) -> str:
        """Grid, tick labels and axis labels."""
        box = self.box
        parts = []
        for value, name in self.y_ticks:
            at = self.y(value)
            parts.append(segment(box.left, at, box.right, at, "grid"))
            if y_names:
                parts.append(text(name, box.left - 8, at + 4, "tick", "end"))
        for value, name in self.x_ticks:
            at = self.x(value)
            if not self.y_ticks:
                parts.append(segment(at, box.top, at, box.bottom, "grid"))
            parts.append(text(name, at, box.bottom + 18, "tick", "middle"))
        if frame.x_label:
            parts.append(text(frame.x_label, box.right, box.bottom + 36, "tick", "end"))
        if frame.y_label:
            parts.append(text(frame.y_label, 14, box.top - 10, "tick"))
        return "".join(parts)


def y_room(lines: Sequence[Line], frame: Frame, marks: Sequence[Mark]) -> float:
    """Pixels that the names of the y ticks need."""
    names = ticks(*_y_range(lines, frame, marks), frame.y_format)
    return 22 + LETTER * max(len(name) for _, name in names)


def _y_range(lines: Sequence[Line], frame: Frame, marks: Sequence[Mark]) -> tuple[float, float]:
    shown = [v for line in lines for v in (*line.y, *line.low, *line.high)]
    return frame.y_range or round_range([*shown, *(m.at for m in marks if m.axis == "y")])


def ticks(
    low: float, high: float, how: Callable[[float], str] = tidy, about: int = 5
) -> list[Tick]:
    """Round numbers (1, 2 or 5 times a power of ten) inside a range, with their names."""
    step = _round_step(low, high, about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, how(n * step)) for n in range(first, last + 1)]


def _round_step(low: float, high: float, about: int) -> float:
    rough = (high - low) / about
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * 0.99), 10 * power)


def round_range(values: Sequence[float]) -> tuple[float, float]:
    """The range of the values, widened to round numbers."""
    low, high = widened(min(values), max(values))
    step = _round_step(low, high, 5)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def widened(low: float, high: float) -> tuple[float, float]:
    """A range that is never empty."""
    room = max(abs(low), 1.0) * 0.1
    return (low, high) if high > low else (low - room, high + room)


def _time_ticks(low: float, high: float, about: int) -> list[Tick]:
    steps = CLOCK_STEPS + CALENDAR_STEPS
    step = next((s for s in steps if (high - low) / s <= about), steps[-1])
    pattern = " %H:%M" if step < DAY else "%d %b" if step < 28 * DAY else "%b %Y"
    first = math.ceil(low / step)
    times = [n * step for n in range(first, math.floor(high / step) + 1)]
    return [
        (t, datetime.fromtimestamp(t, UTC).strftime(pattern).lstrip("0").strip()) for t in times
    ]


def numbers(values: Sequence[Any]) -> list[float]:
    """Plain numbers; a time becomes its seconds."""
    return [v.timestamp() if isinstance(v, datetime) else float(v) for v in values]
