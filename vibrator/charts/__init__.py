"""The few pictures everyone draws: SVG that stands alone, by day and by night, from nothing else.

Every function takes plain values and gives a string. A page may restyle its pictures through the
custom properties `--vb-ink`, `--vb-soft`, `--vb-grid`, `--vb-paper` and `--vb-1` … `--vb-6`.
"""

from vibrator.charts.bars import bar_chart
from vibrator.charts.curves import line_chart, small_multiples, sparkline
from vibrator.charts.page import page, table
from vibrator.charts.reliability import reliability_diagram
from vibrator.charts.values import WIDTH, Bar, Frame, Line, Mark, percent, tidy

__all__ = [
    "WIDTH",
    "Bar",
    "Frame",
    "Line",
    "Mark",
    "bar_chart",
    "line_chart",
    "page",
    "percent",
    "reliability_diagram",
    "small_multiples",
    "sparkline",
    "table",
    "tidy",
]
