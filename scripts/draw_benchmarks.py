"""Draw kept results: encoders by speed and likeness, and the room that is left at every bar.

python scripts/draw_benchmarks.py [results folder] [picture.svg]
"""

import json
import math
import sys
from html import escape
from operator import itemgetter
from pathlib import Path

ROW, LEFT, WIDTH, TOP = 18, 420, 460, 70
MOST = 16.0  # times the limit: longer lines end there
PLOT, PAD = 240, 60  # height of the trade-off, and the room around it
GREEN, RED, GREY = "#1b7f5a", "#b3261e", "#555"
SPEED, LIKENESS = "titles a second", "likeness"


def room(value, sign, limit):
    """How many times better than the limit; a limit of zero is met or not."""
    if limit == 0:
        return 1.0 if holds(value, sign, limit) else 1 / MOST
    if sign == "<=" and value <= 0:
        return MOST
    better = limit / value if sign == "<=" else value / limit
    return min(max(better, 1 / MOST), MOST)


def holds(value, sign, limit):
    return value <= limit if sign == "<=" else value >= limit


def read(folder):
    """What every benchmark left, by its name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def place(times):
    return LEFT + WIDTH / 2 * (1 + math.log(times) / math.log(MOST))


def text(x, y, words, *, anchor="start", fill="#000", size=11):
    shown = escape(str(words))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">{shown}</text>'  # noqa: E501


def stroke(x1, y1, x2, y2, *, colour="#bbb", width=1):
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def line(y, name, bar):
    value, sign, limit = bar
    start, end = sorted((place(1), place(room(*bar))))
    colour = GREEN if holds(*bar) else RED
    return (
        text(LEFT - 10, y + 4, name, anchor="end")
        + stroke(start, y, max(end, start + 2), y, colour=colour, width=8)
        + text(LEFT + WIDTH + 10, y + 4, f"{value:.4g} {sign} {limit:g}")
    )


def bars(results, top):
    """One line a bar, and how high that is."""
    rows = [
        (f"{name}: {bar}", values)
        for name, told in results.items()
        for bar, values in told["bars"].items()
    ]
    end = top + ROW * len(rows)
    ticks = "".join(
        stroke(place(t), top - 14, place(t), end)
        + text(place(t), top - 20, f"{t:g}×", anchor="middle")
        for t in (1 / 4, 1, 4, 16)
    )
    head = text(10, top - 40, "Room left at every bar (1× is the limit)", size=14)
    drawn = "".join(line(top + ROW * n, *row) for n, row in enumerate(rows))
    return head + ticks + drawn, end


def encoders(figures):
    """(name, titles a second, likeness) of those of which both are known."""
    for told, speed in figures.items():
        name, _, what = told.rpartition(": ")
        like = figures.get(f"{name}: {LIKENESS}")
        if what == SPEED and like is not None:
            yield name, speed, like


def trade_off(figures, top):
    """A point an encoder: to the right is faster, up is nearer to what people say."""
    points = sorted(encoders(figures), key=itemgetter(1))
    if not points:
        return "", top
    low = math.floor(min(like for _, _, like in points) * 50) / 50 - 0.02
    high = math.ceil(max(like for _, _, like in points) * 50) / 50 + 0.02
    first = math.floor(math.log10(min(speed for _, speed, _ in points)))
    last = math.ceil(math.log10(max(speed for _, speed, _ in points)))
    left, right, bottom = PAD, LEFT + WIDTH, top + PLOT

    def across(speed):
        return left + (right - left) * (math.log10(speed) - first) / (last - first)

    def up(like):
        return bottom - PLOT * (like - low) / (high - low)

    out = [text(10, top - 20, "Encoders: titles a second of one thread, and likeness on STS-B dev",
                size=14)]  # fmt: skip
    for power in range(first, last + 1):
        x = across(10**power)
        out += [stroke(x, top, x, bottom), text(x, bottom + 16, f"{10**power:,}", anchor="middle")]
    for step in range(round(low * 50), round(high * 50) + 1):
        y = up(step / 50)
        out += [stroke(left, y, right, y), text(left - 8, y + 4, f"{step / 50:.2f}", anchor="end")]
    for number, (name, speed, like) in enumerate(points):
        x, y = across(speed), up(like)
        side, step = ("end", -14) if x > (left + right) / 2 else ("start", 14)
        below = y + 22 + 16 * (len(points) - number)  # the slowest, to the left, is told lowest
        told = f"{name}: {speed:,.0f} a second, {like:.3f}"
        out.append(stroke(x, y, x, below, colour=GREEN))
        out.append(stroke(x, below, x + step, below, colour=GREEN))
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{GREEN}"/>')
        out.append(text(x + step * 1.3, below + 4, told, anchor=side))
    return "".join(out), bottom + 40


def picture(results):
    """The whole as SVG; what is said of the machine stands in the results themselves."""
    machines = sorted({told["machine"] for told in results.values() if "machine" in told})
    notes = "".join(
        text(10, 18 + 14 * n, f"Measured on a {one}", fill=GREY) for n, one in enumerate(machines)
    )
    top = 50 + 14 * len(machines)
    plot, top = trade_off(results.get("tradeoff", {}).get("figures", {}), top)
    drawn, end = bars(results, top + 50)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 200}" height="{end + 20}"'
        f' font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>'
        f"{notes}{plot}{drawn}</svg>\n"
    )


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "bench-results")
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "benchmarks.svg"
    results = read(folder)
    if not results:
        sys.exit(f"{folder} holds no results: make bench")
    target.write_text(picture(results), encoding="utf-8")
    print(f"{len(results)} benchmarks into {target}")


if __name__ == "__main__":
    main()
