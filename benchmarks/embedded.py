"""The embedded encoder: size, likeness (STS-B dev), titles a second on one thread, cold start.

STS-B is for measuring only and is not shipped: without it that bar is left out, and said.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy and tokenizers read them
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np  # noqa: E402

from vibrator.encoders.embedded import FOLDER, EmbeddedModel  # noqa: E402

STSB = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "stsb"
TITLE_WORDS = 12


def ranks(values):
    """Average ranks, ties shared."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def spearman(x, y):
    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


def stsb(model, file):
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    scores = [float(row[4]) for row in rows]
    left, right = (model.vectors("", [row[side] for row in rows]) for side in (5, 6))
    return spearman((left * right).sum(axis=1), scores)


def titles(count, seed):
    """Titles of twelve words, with the word frequencies of language: few common, many rare."""
    rng = np.random.default_rng(seed)
    vocabulary = json.loads((FOLDER / "tokenizer.json").read_text())["model"]["vocab"]
    words = np.array([word for word in vocabulary if word.isalpha() and len(word) > 1])
    picks = np.minimum(rng.zipf(1.3, size=(count, TITLE_WORDS)) - 1, len(words) - 1)
    rare = rng.integers(len(words), size=picks.shape)
    picks = np.where(rng.random(picks.shape) < 0.2, rare, picks)
    return [" ".join(row) for row in words[picks]]


def titles_per_second(count):
    """Best of three, each on a model that has seen no word yet and on titles of its own.

    Counted in processor time of the one thread, so that a busy machine says nothing about it.
    """
    best = 0.0
    for seed in range(3):
        model, texts = EmbeddedModel.load(), titles(count, seed)
        start = time.process_time()
        model.vectors("", texts)
        best = max(best, count / (time.process_time() - start))
    return best


def cold(program):
    """Seconds that a new process takes for a program, best of three, start of Python left out."""
    timed = f"import time; t = time.perf_counter()\n{program}\nprint(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", timed], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(runs)


FIRST_VECTOR = (
    "from vibrator.encoders.embedded import EmbeddedModel\n"
    "EmbeddedModel.load().vectors('', ['detailed guide to grpc'])"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the titles")
    short = parser.parse_args().short
    figures = {
        "size_mb": sum(path.stat().st_size for path in FOLDER.iterdir()) / 1e6,
        "titles_per_second": titles_per_second(4_000 if short else 40_000),
        "import_s": cold("import vibrator"),
        "first_vector_s": cold(FIRST_VECTOR),
    }
    bars = {
        "size_mb": [figures["size_mb"], "<=", 9.0],
        "titles_per_second": [figures["titles_per_second"], ">=", 40_000],
        "import_s": [figures["import_s"], "<=", 0.35],
        "first_vector_s": [figures["first_vector_s"], "<=", 0.8],
    }
    if STSB.is_dir():
        model = EmbeddedModel.load()
        for part in ("dev", "train"):
            figures[f"stsb_{part}_spearman"] = stsb(model, STSB / f"sts-{part}.csv")
        bars["stsb_dev_spearman"] = [figures["stsb_dev_spearman"], ">=", 0.81]
    else:
        print(f"no {STSB}: STS-B is not measured")
    for name, value in figures.items():
        print(f"{name:>20} {value:,.3f}")
    print(json.dumps({"figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
