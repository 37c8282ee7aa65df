"""The strokes and letters of a picture, and the colours they take by day and by night."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from textwrap import wrap

from vibrator.charts.values import Frame

LETTER = 6.6  # pixels, mean width of a letter at the 12 px of the labels
LINE = 15  # pixels from one line of a subtitle to the next
LABEL_LETTERS = 34  # longer labels end in an ellipsis and keep their full text as a tooltip
COLOURS = 6
LIGHT = ("#1c2330", "#667085", "#e6e9ef", "#ffffff")
LIGHT_SERIES = ("#2563c9", "#d1660a", "#0b8577", "#a63d87", "#7a6400", "#5b6472")
DARK = ("#e8ebf1", "#9aa4b5", "#2b3342", "#12161f")
DARK_SERIES = ("#7aa9ff", "#ffa556", "#4bcbb9", "#ee8fd0", "#d9c04f", "#a5afbf")


def text(
    words: str, x: float, y: float, kind: str, anchor: str = "start", *, tooltip: str = ""
) -> str:
    """One piece of text, with its full words as a tooltip where it was cut."""
    tip = f"<title>{escape(tooltip)}</title>" if tooltip and tooltip != words else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{tip}{escape(words)}</text>"
    )


def segment(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """One straight stroke."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def document(body: str, frame: Frame, words: str) -> str:
    """The whole picture, with title and description for those who cannot see it."""
    name = f"vb-{hashlib.sha256((frame.title + body).encode()).hexdigest()[:10]}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vb-chart" role="img" '
        f'aria-labelledby="{name}-t {name}-d" viewBox="0 0 {frame.width} {frame.height}" '
        f'width="{frame.width}" height="{frame.height}"><title id="{name}-t">'
        f'{escape(frame.title)}</title><desc id="{name}-d">'
        f"{escape(frame.description or words)}</desc><style>{STYLE}</style>"
        f'<rect class="paper" width="100%" height="100%" rx="10"/>{body}</svg>'
    )


def titles(frame: Frame) -> str:
    """Title and subtitle, which takes as many lines as it needs."""
    lines = enumerate(_subtitle(frame))
    below = "".join(text(words, 14, 46 + LINE * place, "tick") for place, words in lines)
    return text(frame.title, 14, 27, "title") + below


def header_height(frame: Frame) -> float:
    """Pixels above the data."""
    lines = len(_subtitle(frame))
    below = 18 + LINE * (lines - 1) if lines else 0
    return 44.0 + below + (18 if frame.y_label else 0)


def _subtitle(frame: Frame) -> list[str]:
    return wrap(frame.subtitle, int((frame.width - 28) / (LETTER * 0.92)))


def shortened(words: str, letters: int = LABEL_LETTERS) -> str:
    """Words that fit, or their beginning."""
    return words if len(words) <= letters else f"{words[: letters - 1].rstrip()}…"


def colour(place: int) -> int:
    """Number of the colour for the n-th series, which come round again."""
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
