"""The reliability diagram: curve, diagonal, histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vibrator.charts.axes import Axes, Box, Scale
from vibrator.charts.curves import curves, line_words
from vibrator.charts.marks import document, header_height, segment, text, titles
from vibrator.charts.values import Frame, Line, finite, percent, require_some


def reliability_diagram(
    curve: Line, histogram: Sequence[float], frame: Frame, facts: Sequence[str] = ()
) -> str:
    """What happened against what was said, the diagonal of honesty, and how often each was said."""
    require_some("histogram", histogram)
    side = frame.width - 80
    top = header_height(frame)
    box = Box(56, top, 56 + side, top + side)
    tall = replace(frame, height=round(box.bottom + 136))
    ticks = [(t, percent(t)) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    x, y = Scale(0, 1, box.left, box.right), Scale(0, 1, box.bottom, box.top)
    axes = Axes(x, y, box, ticks, ticks)
    diagonal = segment(x(0), y(0), x(1), y(1), "mark")
    notes = "".join(
        text(fact, box.left + 12, box.top + 22 + 17 * place, "label")
        for place, fact in enumerate(facts)
    )
    strip = _histogram(histogram, x, box.bottom + 44)
    body = titles(frame) + axes.draw(frame) + diagonal + curves([curve], axes) + notes + strip
    said = f"{line_words([curve], frame)}. {'. '.join(facts)}"
    return document(body, tall, said)


def _histogram(counts: Sequence[float], x: Scale, top: float) -> str:
    numbers = finite("histogram", counts)
    most = max(numbers) or 1.0
    wide = (x.end - x.start) / len(numbers)
    bars = "".join(
        f'<rect class="bar quiet" x="{x.start + n * wide + 0.5:.1f}" width="{wide - 1:.1f}" '
        f'y="{top + 56 * (1 - count / most):.1f}" height="{56 * count / most:.1f}"/>'
        for n, count in enumerate(numbers)
    )
    base = segment(x.start, top + 56, x.end, top + 56, "grid")
    total = f"{sum(numbers):,.0f} predictions, by what they said"
    return bars + base + text(total, x.end, top + 76, "tick", "end")
