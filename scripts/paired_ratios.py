"""Is this tree slower than another? The same work on both, in turns; ratios, never wall times.

python scripts/paired_ratios.py OTHER_TREE [--rounds 7] [--limit 1.3]

Each round starts one process a tree, in an order that changes from round to round, and takes the
processor's seconds of the same work. The median over rounds of ours / theirs is the answer: what
slows a machine slows both.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[1]
WORK = """
import json, time
from datetime import UTC, datetime, timedelta
import numpy as np
from vibrator import InstructionalEncoder, Profile, SliderScorer, UserAction
from vibrator.decay import DecayedSum

now = datetime(2026, 3, 2, tzinfo=UTC)
encoder = InstructionalEncoder("embedded")
sliders = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
scorer = SliderScorer(encoder, sliders)
texts = [f"a note on thing {n}" for n in range(400)]
hour = timedelta(hours=1)
deeds = [UserAction("click", text, timestamp=now - n * hour) for n, text in enumerate(texts)]
profile = Profile.from_actions(deeds, encoder)
items = {str(n): text for n, text in enumerate(texts)}

def fold():
    Profile.from_actions(deeds, encoder).to_bytes()

def read():
    Profile.from_bytes(profile.to_bytes()).at(now)

def score():
    for text in texts[:40]:
        scorer.score(deeds[:20], text, now=now)

def rank():
    for _ in scorer.score_batch({"ada": profile}, items, now=now).blocks():
        pass

def encode():
    encoder.model.vectors("", texts)

def decay():
    total = DecayedSum([1.0, 14.0], (50,))
    total.add_many(np.arange(5_000.0), np.ones(5_000), at=np.arange(5_000) % 50)

def seconds(work):
    work()
    started = time.process_time()
    for _ in range(20):
        work()
    return time.process_time() - started

works = fold, read, score, rank, encode, decay
print(json.dumps({work.__name__: seconds(work) for work in works}))
"""


def measure(tree):
    """Seconds of each piece of work, in a process that reads one tree."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        cwd=tree,
        env={**os.environ, **threads, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def ratios(ours, theirs, rounds):
    """The median of ours / theirs, for each piece of work."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            pairs.append((measure(ours), measure(theirs)))
        else:
            pairs.append(tuple(reversed((measure(theirs), measure(ours)))))
    return {name: median(one[name] / other[name] for one, other in pairs) for name in pairs[0][0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="a checkout to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=float, default=1.3)
    given = parser.parse_args()
    found = ratios(HERE, given.other.resolve(), given.rounds)
    for name, ratio in found.items():
        print(f"{'SLOWER' if ratio > given.limit else 'ok    '} {name}: {ratio:.3f} of the other")
    sys.exit(any(ratio > given.limit for ratio in found.values()))


if __name__ == "__main__":
    main()
