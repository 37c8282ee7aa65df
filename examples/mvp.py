"""The smallest useful thing: two people, three sliders, one piece of content."""

from datetime import UTC, datetime, timedelta

from vibrator import InstructionalEncoder, SliderScorer, UserAction

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLIDERS = {
    "depth": "detailed technical documentation",
    "kitchen": "quick weeknight recipes",
    "trails": "long mountain trails",
}
PEOPLE = {
    "Ada": [
        ("write", "how does the scheduler pick a node when memory is tight?"),
        ("click", "reference manual of the storage engine"),
    ],
    "Chioma": [
        ("share", "three days on the ridge path above the lake"),
        ("click", "trail shoes for long descents"),
    ],
}
CONTENT = "A mountain trail in five days, from hut to hut"


def main():
    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS, clock=lambda: NOW)
    for name, did in PEOPLE.items():
        actions = [
            UserAction(kind, words, timestamp=NOW - timedelta(hours=3 * (place + 1)))
            for place, (kind, words) in enumerate(did)
        ]
        print(f"{name}: {CONTENT}")
        print(scorer.score(actions, CONTENT), "\n")


if __name__ == "__main__":
    main()
