"""A map of sliders: alike ones lie close."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.charts import Frame
from vibrator.charts.marks import LETTER, document, segment, shortened, text, titles
from vibrator.checks import require_share, require_text
from vibrator.slider_lint import OVERLAP, likeness
from vibrator.sliders import SliderSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MARGIN, HEAD, FOOT = 40.0, 90.0, 40.0  # pixels that dots keep from the edges
LINE, GAP = 16.0, 10.0  # pixels between two labels, and from a dot to its label
LEAST_HEIGHT, ROOM_FOR = 420, 20  # pixels, which give room for so many sliders
ALONE, OVERLAPPING = 1, 2  # colours


def draw_slider_map(
    sliders: Mapping[str, Any], encoder: Any, *, overlap: float = OVERLAP, title: str = "Slider map"
) -> str:
    """An SVG of the sliders: alike ones lie close, and a line joins those that overlap.

    >>> from vibrator.encoder import InstructionalEncoder
    >>> draw_slider_map({"trails": "long mountain trails"}, InstructionalEncoder("embedded"))[:4]
    '<svg'
    """
    known = sliders if isinstance(sliders, SliderSet) else SliderSet(sliders)
    require_share("overlap", overlap)
    names, likenesses = list(known), likeness(known, encoder)
    subtitle = f"Alike sliders lie close; a line joins those with a cosine of {overlap:g} or more"
    height = LEAST_HEIGHT + int(LINE) * max(0, len(names) - ROOM_FOR)
    frame = Frame(require_text("title", title), subtitle, height=height)
    points = _pixels(positions(likenesses), names, frame)
    frame, points = _cropped(frame, points)
    pairs = [(a, b) for a, b in combinations(range(len(names)), 2) if likenesses[a, b] >= overlap]
    joined = "".join(segment(*points[a], *points[b], "axis") for a, b in pairs)
    alike = set(chain.from_iterable(pairs))
    dots = "".join(
        _dot(OVERLAPPING if place in alike else ALONE, name, *points[place])
        for place, name in enumerate(names)
    )
    return document(titles(frame) + joined + dots, frame, _words(names, likenesses))


def positions(likenesses: Floats) -> Floats:
    """Two coordinates a slider, so that alike ones lie close: classical scaling of the cosines.

    >>> positions(np.eye(2)).round(3).tolist()
    [[0.707, 0.0], [-0.707, 0.0]]
    """
    centred = likenesses - likenesses.mean(axis=0)
    centred = centred - centred.mean(axis=1, keepdims=True)
    values, axes = np.linalg.eigh(centred)
    lengths = np.sqrt(np.where(values > 1e-9, values, 0.0))[::-1]
    found = np.hstack([axes[:, ::-1] * lengths, np.zeros((len(axes), 2))])[:, :2]
    outermost = found[np.argmax(np.abs(found), axis=0), [0, 1]]
    return np.asarray(found * np.where(outermost < 0, -1.0, 1.0) + 0.0)  # an axis has no sign


def _pixels(places: Floats, names: list[str], frame: Frame) -> list[tuple[float, float]]:
    """Both axes on one scale, with room for the longest label on the right."""
    room = LETTER * max(len(shortened(name)) for name in names) + 16
    wide, high = frame.width - 2 * MARGIN - room, frame.height - HEAD - FOOT
    reach = np.ptp(places, axis=0)
    scale = min(wide / max(reach[0], 1e-9), high / max(reach[1], 1e-9), 1e4)
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    drawn = (places - middle) * scale + [MARGIN + wide / 2, HEAD + high / 2]
    widths = [2 * GAP + LETTER * len(shortened(name)) for name in names]
    return _apart([(float(x), float(y)) for x, y in drawn], widths)


def _apart(points: list[tuple[float, float]], widths: list[float]) -> list[tuple[float, float]]:
    """Dots whose labels would lie on each other, moved down a line."""
    placed: dict[int, tuple[float, float]] = {}
    for n in sorted(range(len(points)), key=lambda n: points[n][1]):
        x, y = points[n]
        beside = [
            other
            for m, (left, other) in placed.items()
            if left - widths[n] < x < left + widths[m]  # one below the other, in part
        ]
        while any(abs(y - other) < LINE for other in beside):
            y += LINE
        placed[n] = (x, y)
    return [placed[n] for n in range(len(points))]


def _cropped(
    frame: Frame, points: list[tuple[float, float]]
) -> tuple[Frame, list[tuple[float, float]]]:
    """As high as the dots need, with them in the middle."""
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    height = max(LEAST_HEIGHT, math.ceil(HEAD + bottom - top + FOOT))
    down = (height + HEAD - FOOT - top - bottom) / 2
    return replace(frame, height=height), [(x, y + down) for x, y in points]


def _dot(number: int, name: str, x: float, y: float) -> str:
    circle = f'<circle class="dot c{number}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    return circle + text(shortened(name), x + GAP, y + 4, "label", tooltip=name)


def _words(names: list[str], likenesses: Floats) -> str:
    others = likenesses - 3 * np.eye(len(names))
    nearest = others.argmax(axis=1)
    if len(names) == 1:
        return f"{names[0]} stands alone"
    return "; ".join(
        f"{name} is nearest to {names[nearest[n]]} ({others[n, nearest[n]]:.2f})"
        for n, name in enumerate(names)
    )
