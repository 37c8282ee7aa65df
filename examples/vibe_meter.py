"""A vibe meter for the terminal: the same person and text in two contexts.

python examples/vibe_meter.py
"""

from datetime import UTC, datetime, timedelta

from vibrator import InstructionalEncoder, SliderScorer, UserAction

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLIDERS = {
    "depth": "detailed technical documentation",
    "calm": "relaxing music to fall asleep to",
    "trails": "long mountain trails",
}
# How much more, or less, a feature counts on the weekend.
SEGMENTS = {"weekend": {"user_to_slider": 2.0, "item_to_slider": 0.25}}
TEXT = "Slow piano and rain for the night in a mountain hut"
WIDTH = 30


def bar(share):
    filled = round(WIDTH * max(share, 0.0))
    return "█" * filled + "·" * (WIDTH - filled)


def main():
    scorer = SliderScorer(
        InstructionalEncoder("embedded"),
        SLIDERS,
        feature_overrides_by_segment=SEGMENTS,
        clock=lambda: NOW,
    )
    chioma = [
        UserAction("share", "three days on the ridge path", timestamp=NOW - timedelta(hours=3)),
        UserAction("click", "calm music for sleep", timestamp=NOW - timedelta(hours=9)),
    ]
    work = scorer.score(chioma, TEXT, {"is_work_hours": True})
    weekend = scorer.score(chioma, TEXT, {"segment": "weekend"})
    print(TEXT)
    for slider, output in work.items():
        reach = f"{output.low:.0%} to {output.high:.0%}"
        print(f"\n{slider}: fits with {output.probability:.0%} ({reach})")
        for when, scores in {"at work": work, "weekend": weekend}.items():
            score = scores[slider].raw_score
            print(f"  {when}  {bar(score)} {score:+.3f}")


if __name__ == "__main__":
    main()
