"""The few pictures everyone draws: SVG that stands alone, by day and by night, from nothing else.

Every function takes plain values and gives a string. A page may restyle its pictures through the
custom properties `--vb-ink`, `--vb-soft`, `--vb-grid`, `--vb-paper` and `--vb-1` … `--vb-6`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import Any

from vibrator.errors import BadInput

LETTER = 6.6  # pixels, mean width of a letter at the 12 px of the labels
LABEL_LETTERS = 34  # longer labels end in an ellipsis and keep their full text as a tooltip
COLOURS = 6
LIGHT = ("#1c2330", "#667085", "#e6e9ef", "#ffffff")
LIGHT_SERIES = ("#2563c9", "#d1660a", "#0b8577", "#a63d87", "#7a6400", "#5b6472")
DARK = ("#e8ebf1", "#9aa4b5", "#2b3342", "#12161f")
DARK_SERIES = ("#7aa9ff", "#ffa556", "#4bcbb9", "#ee8fd0", "#d9c04f", "#a5afbf")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
CLOCK_STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)
CALENDAR_STEPS = (DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)


def tidy(value: float) -> str:
    """A number as a person writes it on an axis.

    >>> tidy(0.30000000000000004), tidy(12000.0), tidy(-0.0)
    ('0.3', '12,000', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value + 0.0:.3g}".replace("-", "−")


def percent(value: float) -> str:
    """A share in percent.

    >>> percent(0.125), percent(0.3)
    ('12.5%', '30%')
    """
    return f"{tidy(100 * value)}%"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a picture: its words, its size, its axes."""

    title: str
    subtitle: str = ""
    x_label: str = ""
    y_label: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_format: Callable[[float], str] = tidy
    y_format: Callable[[float], str] = tidy
    width: int = 640
    height: int = 320
    description: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, smooth or in steps, with or without a band around it; x may be times."""

    label: str
    x: Sequence[Any]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    step: bool = False

    def __post_init__(self) -> None:
        for name in ("y", "low", "high"):
            values = _finite(f"{name} of {self.label!r}", getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != len(self.x) and (name == "y" or values):
                raise BadInput(f"{name} must be as long as x ({len(self.x)}), got {len(values)}")
        if len(self.low) != len(self.high):
            raise BadInput(f"a band needs low and high, got {len(self.low)} and {len(self.high)}")
        if not self.y:
            raise BadInput(f"line {self.label!r} must have at least one point, got none")


@dataclass(frozen=True, slots=True)
class Bar:
    """One labelled value with its interval, and a note to read under it."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        if len(ends) == 1:
            raise BadInput(f"an interval needs low and high, got {self.low} and {self.high}")
        _finite(f"bar {self.label!r}", [self.value, *ends])

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest number that the bar shows."""
        ends = [self.value, *(end for end in (self.low, self.high) if end is not None)]
        return min(ends), max(ends)


@dataclass(frozen=True, slots=True)
class Mark:
    """A dashed line of reference at one x or one y."""

    at: Any
    label: str = ""
    axis: str = "y"


def line_chart(lines: Sequence[Line], frame: Frame, marks: Sequence[Mark] = ()) -> str:
    """Curves over a common x, each named where it ends."""
    _require_some("lines", lines)
    named = len(lines) > 1
    right = 16 + (LETTER * max(len(_short(line.label)) for line in lines) + 10 if named else 0)
    box = _Box(_y_room(lines, frame, marks), _header(frame), frame.width - right, frame.height - 46)
    axes = _Axes.of(lines, frame, marks, box)
    names = _end_labels(lines, axes) if named else ""
    body = axes.draw(frame) + _curves(lines, axes) + _marks(marks, axes) + names
    return _svg(_titles(frame) + body, frame, _line_words(lines, frame))


def bar_chart(bars: Sequence[Bar], frame: Frame, marks: Sequence[Mark] = ()) -> str:
    """Horizontal bars from zero with their intervals; the height follows the rows."""
    _require_some("bars", bars)
    row = 46 if any(bar.note for bar in bars) else 30
    left = 18 + LETTER * max(len(_short(bar.label)) for bar in bars)
    values = [_bar_value(bar, frame) for bar in bars]
    right = frame.width - 24 - LETTER * max(map(len, values))
    box = _Box(left, _header(frame), right, _header(frame) + row * len(bars) + 4)
    low, high = frame.x_range or _round_range(
        [0.0, *(end for bar in bars for end in bar.reach), *(float(mark.at) for mark in marks)]
    )
    x = _Scale(low, high, box.left, box.right)
    tall = replace(frame, height=round(box.bottom + (46 if frame.x_label else 30)))
    rows = [
        _bar_row(bar, value, x, box.top + row * place, frame)
        for place, (bar, value) in enumerate(zip(bars, values, strict=True))
    ]
    ticks = _ticks(low, high, frame.x_format)
    axes = _Axes(x, _Scale(0, 1, box.bottom, box.top), box, ticks, [])
    vertical = [replace(mark, axis="x") for mark in marks]
    words = "; ".join(f"{bar.label} {text}" for bar, text in zip(bars, values, strict=True))
    zero = _segment(x(0.0), box.top, x(0.0), box.bottom, "axis") if low <= 0 <= high else ""
    body = _titles(frame) + axes.draw(tall) + "".join(rows) + zero + _marks(vertical, axes)
    return _svg(body, tall, words)


def reliability_diagram(
    curve: Line, histogram: Sequence[float], frame: Frame, facts: Sequence[str] = ()
) -> str:
    """What happened against what was said, the diagonal of honesty, and how often each was said."""
    _require_some("histogram", histogram)
    side = frame.width - 80
    top = _header(frame)
    box = _Box(56, top, 56 + side, top + side)
    tall = replace(frame, height=round(box.bottom + 122))
    ticks = [(t, percent(t)) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    x, y = _Scale(0, 1, box.left, box.right), _Scale(0, 1, box.bottom, box.top)
    axes = _Axes(x, y, box, ticks, ticks)
    diagonal = _segment(x(0), y(0), x(1), y(1), "mark")
    notes = "".join(
        _text(fact, box.left + 12, box.top + 22 + 17 * place, "label")
        for place, fact in enumerate(facts)
    )
    strip = _histogram(histogram, x, box.bottom + 30)
    body = _titles(frame) + axes.draw(frame) + diagonal + _curves([curve], axes) + notes + strip
    said = f"{_line_words([curve], frame)}. {'. '.join(facts)}"
    return _svg(body, tall, said)


def small_multiples(panels: Mapping[str, Sequence[Line]], frame: Frame, columns: int = 3) -> str:
    """The same axes again and again, one panel a name, so that only the curves differ."""
    _require_some("panels", panels)
    everything = [line for lines in panels.values() for line in lines]
    _require_some("lines", everything)
    left, gap, high = _y_room(everything, frame, ()), 18.0, 132.0
    wide = (frame.width - left - 16 - gap * (columns - 1)) / columns
    top = _header(frame)
    parts = []
    for place, (name, lines) in enumerate(panels.items()):
        row, column = divmod(place, columns)
        corner = left + column * (wide + gap), top + 20 + row * (high + 52)
        box = _Box(*corner, corner[0] + wide, corner[1] + high)
        axes = _Axes.of(everything, frame, (), box)
        parts.append(_text(_short(name), box.left, box.top - 8, "label strong"))
        parts.append(axes.draw(replace(frame, x_label="", y_label=""), y_names=column == 0))
        parts.append(_curves(lines, axes))
    rows = math.ceil(len(panels) / columns)
    tall = replace(frame, height=round(top + rows * (high + 52) + 8))
    words = "; ".join(f"{name}: {_line_words(lines, frame)}" for name, lines in panels.items())
    return _svg(_titles(frame) + "".join(parts), tall, words)


def sparkline(values: Sequence[float], label: str, *, width: int = 120, height: int = 28) -> str:
    """A word-sized curve in the colour of the text around it."""
    numbers = _finite(label, values)
    _require_some(label, numbers)
    x = _Scale(0, max(len(numbers) - 1, 1), 3, width - 4)
    y = _Scale(*_widened(min(numbers), max(numbers)), height - 4, 4)
    points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(numbers))
    last = f'<circle cx="{x(len(numbers) - 1):.1f}" cy="{y(numbers[-1]):.1f}" r="2.6"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vb-spark" role="img" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" aria-label="{escape(label)}">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.6" '
        f'stroke-linejoin="round"/><g fill="currentColor">{last}</g></svg>'
    )


def table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """Rows of one shape as an HTML table; numbers align right."""
    _require_some("rows", rows)
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in rows[0])
    body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in rows)
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{words}<tr>{head}</tr>{body}</table></div>'


def page(title: str, parts: Iterable[str], lead: str = "") -> str:
    """One self-contained HTML page; `parts` are pictures, tables or other ready markup."""
    sections = "".join(f"<section>{part}</section>" for part in parts)
    words = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{words}{sections}</main></body></html>"
    )


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """Numbers from low to high, laid out on pixels from start to end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class _Axes:
    x: _Scale
    y: _Scale
    box: _Box
    x_ticks: list[Tick]
    y_ticks: list[Tick]

    @classmethod
    def of(cls, lines: Sequence[Line], frame: Frame, marks: Sequence[Mark], box: _Box) -> _Axes:
        xs = [v for line in lines for v in _numbers(line.x)]
        xs += [v for mark in marks if mark.axis == "x" for v in _numbers([mark.at])]
        x = _Scale(*(frame.x_range or _widened(min(xs), max(xs))), box.left, box.right)
        y = _Scale(*_y_range(lines, frame, marks), box.bottom, box.top)
        about = max(2, round((box.right - box.left) / 90))
        timed = isinstance(lines[0].x[0], datetime)
        x_ticks = (
            _time_ticks(x.low, x.high, about)
            if timed
            else _ticks(x.low, x.high, frame.x_format, about)
        )
        return cls(x, y, box, x_ticks, _ticks(y.low, y.high, frame.y_format))

    def draw(self, frame: Frame, *, y_names: bool = True) -> str:
        """Grid, tick labels and axis labels."""
        box = self.box
        parts = []
        for value, name in self.y_ticks:
            at = self.y(value)
            parts.append(_segment(box.left, at, box.right, at, "grid"))
            if y_names:
                parts.append(_text(name, box.left - 8, at + 4, "tick", "end"))
        for value, name in self.x_ticks:
            at = self.x(value)
            if not self.y_ticks:
                parts.append(_segment(at, box.top, at, box.bottom, "grid"))
            parts.append(_text(name, at, box.bottom + 18, "tick", "middle"))
        if frame.x_label:
            parts.append(_text(frame.x_label, box.right, box.bottom + 36, "tick", "end"))
        if frame.y_label:
            parts.append(_text(frame.y_label, 14, box.top - 10, "tick"))
        return "".join(parts)


def _curves(lines: Sequence[Line], axes: _Axes) -> str:
    bands = "".join(_band(line, axes, n) for n, line in enumerate(lines) if line.low)
    return bands + "".join(_curve(line, axes, n) for n, line in enumerate(lines))


def _band(line: Line, axes: _Axes, place: int) -> str:
    xs = _numbers(line.x)
    there = _corners(xs, line.high, step=line.step)
    back = list(reversed(_corners(xs, line.low, step=line.step)))
    return f'<polygon class="band c{_colour(place)}" points="{_points(there + back, axes)}"/>'


def _curve(line: Line, axes: _Axes, place: int) -> str:
    corners = _corners(_numbers(line.x), line.y, step=line.step)
    dot = ""
    if len(corners) == 1:
        x, y = axes.x(corners[0][0]), axes.y(corners[0][1])
        dot = f'<circle class="dot c{_colour(place)}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return f'<polyline class="line c{_colour(place)}" points="{_points(corners, axes)}"/>{dot}'


def _corners(xs: Sequence[float], ys: Sequence[float], *, step: bool) -> list[tuple[float, float]]:
    points = list(zip(xs, ys, strict=True))
    if not step:
        return points
    return [points[0]] + [
        corner for (_, before), (x, y) in pairwise(points) for corner in ((x, before), (x, y))
    ]


def _points(corners: Sequence[tuple[float, float]], axes: _Axes) -> str:
    return " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in corners)


def _end_labels(lines: Sequence[Line], axes: _Axes) -> str:
    """Names beside the last points, pushed apart where curves end together."""
    order = sorted(range(len(lines)), key=lambda n: axes.y(lines[n].y[-1]))
    wanted = [axes.y(lines[n].y[-1]) for n in order]
    for place in range(1, len(wanted)):
        wanted[place] = max(wanted[place], wanted[place - 1] + 15)
    overflow = max(0.0, wanted[-1] - axes.box.bottom)
    return "".join(
        _text(_short(lines[n].label), axes.box.right + 8, y - overflow + 4, f"name c{_colour(n)}")
        for n, y in zip(order, wanted, strict=True)
    )


def _marks(marks: Sequence[Mark], axes: _Axes) -> str:
    return "".join(_mark(mark, axes) for mark in marks)


def _mark(mark: Mark, axes: _Axes) -> str:
    box, at = axes.box, _numbers([mark.at])[0]
    if mark.axis == "x":
        x = axes.x(at)
        words = _text(mark.label, x + 5, box.top + 10, "tick") if mark.label else ""
        return _segment(x, box.top, x, box.bottom, "mark") + words
    y = axes.y(at)
    words = _text(mark.label, box.left + 4, y - 5, "tick") if mark.label else ""
    return _segment(box.left, y, box.right, y, "mark") + words


def _bar_row(bar: Bar, value: str, x: _Scale, top: float, frame: Frame) -> str:
    middle = top + 15
    zero, end = x(min(max(0.0, x.low), x.high)), x(bar.value)
    parts = [
        f'<rect class="bar" x="{min(zero, end):.1f}" y="{middle - 8:.1f}" rx="2" '
        f'width="{abs(end - zero):.1f}" height="16"/>',
        _text(_short(bar.label), x.start - 10, middle + 4, "label", "end", tooltip=bar.label),
        _text(value, frame.width - 12, middle + 4, "label number", "end"),
    ]
    if bar.low is not None and bar.high is not None:
        parts.append(_segment(x(bar.low), middle, x(bar.high), middle, "whisker"))
        parts += [_segment(x(e), middle - 4, x(e), middle + 4, "whisker") for e in bar.reach]
    if bar.note:
        room = int((frame.width - 12 - x.start) / (LETTER * 0.92))
        parts.append(
            _text(_short(bar.note, room), x.start + 4, middle + 23, "tick", tooltip=bar.note)
        )
    return "".join(parts)


def _bar_value(bar: Bar, frame: Frame) -> str:
    if bar.low is None or bar.high is None:
        return frame.x_format(bar.value)
    ends = f"{frame.x_format(bar.low)} to {frame.x_format(bar.high)}"
    return f"{frame.x_format(bar.value)} ({ends})"


def _histogram(counts: Sequence[float], x: _Scale, top: float) -> str:
    numbers = _finite("histogram", counts)
    most = max(numbers) or 1.0
    wide = (x.end - x.start) / len(numbers)
    bars = "".join(
        f'<rect class="bar quiet" x="{x.start + n * wide + 0.5:.1f}" width="{wide - 1:.1f}" '
        f'y="{top + 56 * (1 - count / most):.1f}" height="{56 * count / most:.1f}"/>'
        for n, count in enumerate(numbers)
    )
    base = _segment(x.start, top + 56, x.end, top + 56, "grid")
    total = f"{sum(numbers):,.0f} predictions, by what they said"
    return bars + base + _text(total, x.end, top + 76, "tick", "end")


def _titles(frame: Frame) -> str:
    subtitle = _text(frame.subtitle, 14, 46, "tick") if frame.subtitle else ""
    return _text(frame.title, 14, 27, "title") + subtitle


def _header(frame: Frame) -> float:
    return 44.0 + (18 if frame.subtitle else 0) + (18 if frame.y_label else 0)


def _y_room(lines: Sequence[Line], frame: Frame, marks: Sequence[Mark]) -> float:
    names = _ticks(*_y_range(lines, frame, marks), frame.y_format)
    return 22 + LETTER * max(len(name) for _, name in names)


def _y_range(lines: Sequence[Line], frame: Frame, marks: Sequence[Mark]) -> tuple[float, float]:
    shown = [v for line in lines for v in (*line.y, *line.low, *line.high)]
    return frame.y_range or _round_range([*shown, *(m.at for m in marks if m.axis == "y")])


def _line_words(lines: Sequence[Line], frame: Frame) -> str:
    how = frame.y_format
    return "; ".join(
        f"{line.label} goes from {how(line.y[0])} to {how(line.y[-1])}, "
        f"lowest {how(min(line.y))}, highest {how(max(line.y))}"
        for line in lines
    )


def _svg(body: str, frame: Frame, words: str) -> str:
    name = f"vb-{hashlib.sha256((frame.title + body).encode()).hexdigest()[:10]}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vb-chart" role="img" '
        f'aria-labelledby="{name}-t {name}-d" viewBox="0 0 {frame.width} {frame.height}" '
        f'width="{frame.width}" height="{frame.height}"><title id="{name}-t">'
        f'{escape(frame.title)}</title><desc id="{name}-d">'
        f"{escape(frame.description or words)}</desc><style>{STYLE}</style>"
        f'<rect class="paper" width="100%" height="100%" rx="10"/>{body}</svg>'
    )


def _text(
    words: str, x: float, y: float, kind: str, anchor: str = "start", *, tooltip: str = ""
) -> str:
    tip = f"<title>{escape(tooltip)}</title>" if tooltip and tooltip != words else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{tip}{escape(words)}</text>"
    )


def _segment(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _cell(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'<td class="number">{escape(tidy(value))}</td>'
    return f"<td>{escape(str(value))}</td>"


def _ticks(
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


def _round_range(values: Sequence[float]) -> tuple[float, float]:
    low, high = _widened(min(values), max(values))
    step = _round_step(low, high, 5)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _widened(low: float, high: float) -> tuple[float, float]:
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


def _numbers(values: Sequence[Any]) -> list[float]:
    return [v.timestamp() if isinstance(v, datetime) else float(v) for v in values]


def _finite(name: str, values: Sequence[float]) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise BadInput(f"{name} must hold finite numbers, got {numbers!r:.80}")
    return numbers


def _require_some(name: str, values: Any) -> None:
    if len(values) == 0:
        raise BadInput(f"{name} must not be empty, got {values!r}")


def _short(words: str, letters: int = LABEL_LETTERS) -> str:
    return words if len(words) <= letters else f"{words[: letters - 1].rstrip()}…"


def _colour(place: int) -> int:
    return place % COLOURS + 1


def _palette(base: Sequence[str], series: Sequence[str]) -> str:
    named = dict(zip(("ink", "soft", "grid", "paper"), base, strict=True))
    named |= {str(n): colour for n, colour in enumerate(series, 1)}
    return "".join(f"--{name}:var(--vb-{name},{colour});" for name, colour in named.items())


STYLE = (
    f".vb-chart{{{_palette(LIGHT, LIGHT_SERIES)}max-width:100%;height:auto;"
    "font:12px system-ui,-apple-system,'Segoe UI',sans-serif}"
    f"@media(prefers-color-scheme:dark){{.vb-chart{{{_palette(DARK, DARK_SERIES)}}}}}"
    ".vb-chart .paper{fill:var(--paper)}.vb-chart text{fill:var(--ink)}"
    ".vb-chart .title{font-size:15px;font-weight:650}.vb-chart .tick{fill:var(--soft);"
    "font-size:11.5px}.vb-chart .strong,.vb-chart .name{font-weight:600}"
    ".vb-chart .number{font-variant-numeric:tabular-nums}"
    ".vb-chart text{paint-order:stroke;stroke:var(--paper);stroke-width:3px;"
    "stroke-linejoin:round}.vb-chart .grid{stroke:var(--grid)}.vb-chart .axis{stroke:var(--soft)}"
    ".vb-chart .mark{stroke:var(--soft);"
    "stroke-dasharray:4 4}.vb-chart .whisker{stroke:var(--ink);stroke-width:1.4}"
    ".vb-chart .line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}"
    ".vb-chart .band{opacity:.17;stroke:none}.vb-chart .bar{fill:var(--1);opacity:.82}"
    ".vb-chart .quiet{fill:var(--soft);opacity:.55}"
) + "".join(
    f".vb-chart .line.c{n}{{stroke:var(--{n})}}"
    f".vb-chart .band.c{n},.vb-chart .dot.c{n},.vb-chart .name.c{n}{{fill:var(--{n})}}"
    for n in range(1, COLOURS + 1)
)

PAGE_STYLE = (
    ":root{color-scheme:light dark;--ink:#1c2330;--soft:#667085;--line:#e6e9ef;--back:#f5f6f9;"
    "--card:#fff}@media(prefers-color-scheme:dark){:root{--ink:#e8ebf1;--soft:#9aa4b5;"
    "--line:#2b3342;--back:#0b0e14;--card:#12161f}}"
    "body{margin:0;background:var(--back);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}"
    "main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem}"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}"
    ".lead{color:var(--soft);margin:0 0 1.5rem;max-width:44rem}section{margin:1.25rem 0}"
    ".scroll{overflow-x:auto;background:var(--card);border-radius:10px;padding:.5rem 1rem}"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}"
    "caption{text-align:left;font-weight:650;padding:.5rem 0}"
    "th{text-align:left;color:var(--soft);font-weight:500}"
    "td,th{padding:.45rem .8rem .45rem 0;border-bottom:1px solid var(--line)}"
    "tr:last-child td{border-bottom:0}.number{font-variant-numeric:tabular-nums}"
)
