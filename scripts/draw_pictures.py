"""Draw the pictures of the README and of the page on sliders: python scripts/draw_pictures.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from vibrator.charts import Bar, Frame, bar_chart, percent
from vibrator.demo import SLIDERS, fits
from vibrator.encoder import InstructionalEncoder
from vibrator.pipeline import SliderScorer
from vibrator.slider_map import draw_slider_map

IMAGES = Path(__file__).parents[1] / "docs" / "images"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOWN = 3  # contents a person


def draw_demo() -> str:
    """The best contents of three people as one chart."""
    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS)
    bars = [
        Bar(
            f"{fit.person.name} · {fit.output.name}",
            fit.output.probability,
            fit.output.low,
            fit.output.high,
            fit.content,
        )
        for listed in fits(scorer, NOW)
        for fit in listed[:SHOWN]
    ]
    frame = Frame(
        "What fits Ada, Bruno and Chioma now",
        "The bar is the probability, the whisker its 90 % interval, below it the content",
        x_range=(0.0, 1.0),
        x_format=percent,
        width=960,
    )
    return bar_chart(bars, frame)


def draw_map() -> str:
    """The sliders of the demo, and two that overlap with them."""
    alike = {"peaks": "long trails in the mountains", "supper": "easy recipes for the week"}
    return draw_slider_map(SLIDERS | alike, InstructionalEncoder("embedded"))


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, draw in {"demo.svg": draw_demo, "sliders.svg": draw_map}.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")
        print(f"drawn: {IMAGES / name}")


if __name__ == "__main__":
    main()
