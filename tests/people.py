"""Three invented people whom the tests share: Ada, Bruno and Chioma."""

from datetime import UTC, datetime, timedelta

from vibrator.actions import UserAction

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

SLIDERS = {
    "depth": "detailed technical documentation",
    "kitchen": "quick weeknight recipes",
    "trails": "long mountain trails",
}

WORDS = {
    "ada": [
        ("write", "how does the scheduler pick a node when memory is tight"),
        ("click", "reference manual of the storage engine"),
        ("dismiss", "ten productivity tips you will love"),
    ],
    "bruno": [
        ("write", "dinner in twenty minutes with chickpeas and lemon"),
        ("react", "one pan pasta for busy evenings"),
        ("read", "how to keep herbs fresh"),
    ],
    "chioma": [
        ("share", "three days on the ridge path above the lake"),
        ("click", "shoes for wet rock and long descents"),
        ("chat", "who wants to run up the mountain on Sunday"),
    ],
}


def actions_of(name, *, hours_apart=5):
    return [
        UserAction(
            kind, words, timestamp=NOW - timedelta(hours=hours_apart * (place + 1)), user_id=name
        )
        for place, (kind, words) in enumerate(WORDS[name])
    ]
