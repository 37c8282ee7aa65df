"""Horizontal bars with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vibrator.charts.axes import Axes, Box, Scale, round_range, ticks
from vibrator.charts.curves import reference_lines
from vibrator.charts.marks import LETTER, document, header_height, segment, shortened, text, titles
from vibrator.charts.values import Bar, Frame, Mark, require_some


def bar_chart(bars: Sequence[Bar], frame: Frame, marks: Sequence[Mark] = ()) -> str:
    """Horizontal bars from zero with their intervals; the height follows the rows."""
    require_some("bars", bars)
    row = 46 if any(bar.note for bar in bars) else 30
    left = 18 + LETTER * max(len(shortened(bar.label)) for bar in bars)
    values = [_bar_value(bar, frame) for bar in bars]
    right = frame.width - 24 - LETTER * max(map(len, values))
    box = Box(left, header_height(frame), right, header_height(frame) + row * len(bars) + 4)
    low, high = frame.x_range or round_range(
        [0.0, *(end for bar in bars for end in bar.reach), *(float(mark.at) for mark in marks)]
    )
    x = Scale(low, high, box.left, box.right)
    tall = replace(frame, height=round(box.bottom + (46 if frame.x_label else 30)))
    rows = [
        _bar_row(bar, value, x, box.top + row * place, frame)
        for place, (bar, value) in enumerate(zip(bars, values, strict=True))
    ]
    axes = Axes(x, Scale(0, 1, box.bottom, box.top), box, ticks(low, high, frame.x_format), [])
    vertical = [replace(mark, axis="x") for mark in marks]
    words = "; ".join(f"{bar.label} {text}" for bar, text in zip(bars, values, strict=True))
    zero = segment(x(0.0), box.top, x(0.0), box.bottom, "axis") if low <= 0 <= high else ""
    body = titles(frame) + axes.draw(tall) + "".join(rows) + zero + reference_lines(vertical, axes)
    return document(body, tall, words)


def _bar_row(bar: Bar, value: str, x: Scale, top: float, frame: Frame) -> str:
    middle = top + 15
    zero, end = x(min(max(0.0, x.low), x.high)), x(bar.value)
    parts = [
        f'<rect class="bar" x="{min(zero, end):.1f}" y="{middle - 8:.1f}" rx="2" '
        f'width="{abs(end - zero):.1f}" height="16"/>',
        text(shortened(bar.label), x.start - 10, middle + 4, "label", "end", tooltip=bar.label),
        text(value, frame.width - 12, middle + 4, "label number", "end"),
    ]
    if bar.low is not None and bar.high is not None:
        parts.append(segment(x(bar.low), middle, x(bar.high), middle, "whisker"))
        parts += [segment(x(e), middle - 4, x(e), middle + 4, "whisker") for e in bar.reach]
    if bar.note:
        room = int((frame.width - 12 - x.start) / (LETTER * 0.92))
        parts.append(
            text(shortened(bar.note, room), x.start + 4, middle + 23, "tick", tooltip=bar.note)
        )
    return "".join(parts)


def _bar_value(bar: Bar, frame: Frame) -> str:
    if bar.low is None or bar.high is None:
        return frame.x_format(bar.value)
    ends = f"{frame.x_format(bar.low)} to {frame.x_format(bar.high)}"
    return f"{frame.x_format(bar.value)} ({ends})"
