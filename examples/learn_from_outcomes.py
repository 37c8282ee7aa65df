"""Ada wants depth, Bruno quick recipes, Chioma trails: a scorer learns it from yes and no."""

from datetime import UTC, datetime, timedelta

import numpy as np

from vibrator import InstructionalEncoder, SliderScorer, UserAction
from vibrator.pipeline.examples import Example

START = datetime(2026, 3, 1, tzinfo=UTC)
SLIDERS = {
    "depth": "detailed technical documentation",
    "quick": "quick weeknight recipes",
    "trails": "long mountain trails",
}
READ = {"ada": "a manual of kernel scheduling", "bruno": "noodles in ten minutes",
        "chioma": "a ridge run at dawn"}  # fmt: skip
CONTENTS = {
    "ada": ["a reference of system calls", "how memory barriers work"],
    "bruno": ["soup for a weeknight", "one-pan rice"],
    "chioma": ["a hut to hut traverse", "shoes for wet rock"],
}


def outcomes(count, rng):
    """Each is shown anything, and says yes to their own kind nine times of ten."""
    for n in range(count):
        who, kind = rng.choice(list(READ)), rng.choice(list(READ))
        at = START + timedelta(minutes=10 * n)
        yield Example(
            person=[UserAction("read", READ[who], timestamp=at - timedelta(hours=1))],
            content=str(rng.choice(CONTENTS[kind])),
            outcome=bool(rng.random() < (0.9 if who == kind else 0.1)),
            at=at,
            user_id=str(who),
        )


def main():
    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS)
    result = scorer.fit(list(outcomes(600, np.random.default_rng(1))), time_split=0.8)
    print(result.report)
    chioma = [UserAction("read", READ["chioma"], timestamp=START)]
    for name, one in (("zero-shot", scorer), ("learned", result.scorer)):
        print(f"\n{name}\n{one.score(chioma, 'a hut to hut traverse', now=START)}")


if __name__ == "__main__":
    main()
