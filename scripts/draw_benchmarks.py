"""Draw bench-results/*.json: for every bar, how much room is left.

python scripts/draw_benchmarks.py [results folder] [picture.svg]
"""

import json
import math
import os
import platform
import sys
from html import escape
from importlib.metadata import version
from pathlib import Path

ROW, LEFT, WIDTH, TOP = 18, 420, 460, 70
MOST = 16.0  # times the limit: longer lines end there
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas")


def room(value, sign, limit):
    """How many times better than the limit; a limit of zero is met or not."""
    if limit == 0:
        return 1.0 if value <= 0 else 1 / MOST
    better = limit / value if sign == "<=" and value else value / limit
    return min(max(better, 1 / MOST), MOST)


def bars(folder):
    for path in sorted(folder.glob("*.json")):
        for name, bar in json.loads(path.read_text(encoding="utf-8"))["bars"].items():
            yield f"{path.stem}: {name}", bar


def machine():
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    where = f"{platform.machine()}, {os.cpu_count()} cores"
    return f"{where}, Python {platform.python_version()}, {packages}"


def place(times):
    return LEFT + WIDTH / 2 * (1 + math.log(times) / math.log(MOST))


def line(number, name, bar):
    value, sign, limit = bar
    times, y = room(*bar), TOP + ROW * number
    held = value <= limit if sign == "<=" else value >= limit
    colour = "#1b7f5a" if held else "#b3261e"
    start, end = sorted((place(1), place(times)))
    return (
        f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
        f'<line x1="{start:.1f}" x2="{max(end, start + 2):.1f}" y1="{y}" y2="{y}"'
        f' stroke="{colour}" stroke-width="8"/>'
        f'<text x="{LEFT + WIDTH + 10}" y="{y + 4}">{value:.4g} {escape(sign)} {limit:g}</text>'
    )


def picture(rows):
    height = TOP + ROW * len(rows) + 20
    ticks = "".join(
        f'<line x1="{place(t):.1f}" x2="{place(t):.1f}" y1="{TOP - 14}" y2="{height - 20}"'
        f' stroke="#bbb"/><text x="{place(t):.1f}" y="{TOP - 20}" text-anchor="middle">'
        f"{t:g}×</text>"
        for t in (1 / 4, 1, 4, 16)
    )
    drawn = "".join(line(number, *row) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 200}" height="{height}"'
        ' font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="10" y="20" font-size="14">Room left at every bar (1× is the limit)</text>'
        f'<text x="10" y="36" fill="#555">{escape(machine())}</text>{ticks}{drawn}</svg>\n'
    )


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "bench-results")
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "benchmarks.svg"
    rows = list(bars(folder))
    if not rows:
        sys.exit(f"{folder} holds no results: make bench")
    target.write_text(picture(rows), encoding="utf-8")
    print(f"{len(rows)} bars into {target}")


if __name__ == "__main__":
    main()
