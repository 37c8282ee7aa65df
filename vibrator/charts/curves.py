"""Lines with their bands, and the names beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import pairwise

from vibrator.charts.axes import Axes, Box, Scale, numbers, widened, y_room
from vibrator.charts.marks import (
    LETTER,
    colour,
    document,
    header_height,
    segment,
    shortened,
    text,
    titles,
)
from vibrator.charts.values import Frame, Line, Mark, finite, require_some


def curves(lines: Sequence[Line], axes: Axes) -> str:
    """All bands, and over them all lines."""
    bands = "".join(_band(line, axes, n) for n, line in enumerate(lines) if line.low)
    return bands + "".join(_curve(line, axes, n) for n, line in enumerate(lines))


def _band(line: Line, axes: Axes, place: int) -> str:
    xs = numbers(line.x)
    there = _corners(xs, line.high, step=line.step)
    back = list(reversed(_corners(xs, line.low, step=line.step)))
    return f'<polygon class="band c{colour(place)}" points="{_points(there + back, axes)}"/>'


def _curve(line: Line, axes: Axes, place: int) -> str:
    corners = _corners(numbers(line.x), line.y, step=line.step)
    dotted = corners if line.dots or len(corners) == 1 else []
    dots = "".join(
        f'<circle class="dot c{colour(place)}" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="4"/>'
        for x, y in dotted
    )
    return f'<polyline class="line c{colour(place)}" points="{_points(corners, axes)}"/>{dots}'


def _corners(xs: Sequence[float], ys: Sequence[float], *, step: bool) -> list[tuple[float, float]]:
    points = list(zip(xs, ys, strict=True))
    if not step:
        return points
    return [points[0]] + [
        corner for (_, before), (x, y) in pairwise(points) for corner in ((x, before), (x, y))
    ]


def _points(corners: Sequence[tuple[float, float]], axes: Axes) -> str:
    return " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in corners)


def _end_labels(lines: Sequence[Line], axes: Axes) -> str:
    """Names beside the last points, pushed apart where curves end together."""
    order = sorted(range(len(lines)), key=lambda n: axes.y(lines[n].y[-1]))
    wanted = [axes.y(lines[n].y[-1]) for n in order]
    for place in range(1, len(wanted)):
        wanted[place] = max(wanted[place], wanted[place - 1] + 15)
    overflow = max(0.0, wanted[-1] - axes.box.bottom)
    return "".join(
        text(shortened(lines[n].label), axes.box.right + 8, y - overflow + 4, f"name c{colour(n)}")
        for n, y in zip(order, wanted, strict=True)
    )


def reference_lines(marks: Sequence[Mark], axes: Axes) -> str:
    """Every mark, with its label."""
    return "".join(_mark(mark, axes) for mark in marks)


def _mark(mark: Mark, axes: Axes) -> str:
    box, at = axes.box, numbers([mark.at])[0]
    if mark.axis == "x":
        x = axes.x(at)
        words = text(mark.label, x + 5, box.top + 10, "tick") if mark.label else ""
        return segment(x, box.top, x, box.bottom, "mark") + words
    y = axes.y(at)
    words = text(mark.label, box.left + 4, y - 5, "tick") if mark.label else ""
    return segment(box.left, y, box.right, y, "mark") + words


def line_words(lines: Sequence[Line], frame: Frame) -> str:
    """What a reader who cannot see the lines is told."""
    how = frame.y_format
    return "; ".join(
        f"{line.label} goes from {how(line.y[0])} to {how(line.y[-1])}, "
        f"lowest {how(min(line.y))}, highest {how(max(line.y))}"
        for line in lines
    )


def line_chart(lines: Sequence[Line], frame: Frame, marks: Sequence[Mark] = ()) -> str:
    """Curves over a common x, each named where it ends."""
    require_some("lines", lines)
    named = len(lines) > 1
    right = 16 + (LETTER * max(len(shortened(line.label)) for line in lines) + 10 if named else 0)
    box = Box(
        y_room(lines, frame, marks), header_height(frame), frame.width - right, frame.height - 46
    )
    axes = Axes.of(lines, frame, marks, box)
    names = _end_labels(lines, axes) if named else ""
    body = axes.draw(frame) + curves(lines, axes) + reference_lines(marks, axes) + names
    return document(titles(frame) + body, frame, line_words(lines, frame))


def small_multiples(panels: Mapping[str, Sequence[Line]], frame: Frame, columns: int = 3) -> str:
    """The same axes again and again, one panel a name, so that only the curves differ."""
    require_some("panels", panels)
    everything = [line for lines in panels.values() for line in lines]
    require_some("lines", everything)
    left, gap, high = y_room(everything, frame, ()), 18.0, 132.0
    wide = (frame.width - left - 16 - gap * (columns - 1)) / columns
    top = header_height(frame)
    parts = []
    for place, (name, lines) in enumerate(panels.items()):
        row, column = divmod(place, columns)
        corner = left + column * (wide + gap), top + 20 + row * (high + 52)
        box = Box(*corner, corner[0] + wide, corner[1] + high)
        axes = Axes.of(everything, frame, (), box)
        parts.append(text(shortened(name), box.left, box.top - 8, "label strong"))
        parts.append(axes.draw(replace(frame, x_label="", y_label=""), y_names=column == 0))
        parts.append(curves(lines, axes))
    rows = math.ceil(len(panels) / columns)
    tall = replace(frame, height=round(top + rows * (high + 52) + 8))
    words = "; ".join(f"{name}: {line_words(lines, frame)}" for name, lines in panels.items())
    return document(titles(frame) + "".join(parts), tall, words)


def sparkline(values: Sequence[float], label: str, *, width: int = 120, height: int = 28) -> str:
    """A word-sized curve in the colour of the text around it."""
    numbers = finite(label, values)
    require_some(label, numbers)
    x = Scale(0, max(len(numbers) - 1, 1), 3, width - 4)
    y = Scale(*widened(min(numbers), max(numbers)), height - 4, 4)
    points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(numbers))
    last = f'<circle cx="{x(len(numbers) - 1):.1f}" cy="{y(numbers[-1]):.1f}" r="2.6"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vb-spark" role="img" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" aria-label="{escape(label)}">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.6" '
        f'stroke-linejoin="round"/><g fill="currentColor">{last}</g></svg>'
    )
