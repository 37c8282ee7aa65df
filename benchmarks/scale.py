"""Batch jobs against their bars: two workers beside one plain loop, and events folded a second.

python benchmarks/scale.py [--only scoring profiles curves]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from report import close

from vibrator.encoders.ports import EncoderConfig
from vibrator.scale.dask import cluster, run, run_profiles
from vibrator.scale.jobs import Score, encoder_of
from vibrator.scale.partitions import fold, profile_rows
from vibrator.scale.pieces import cut, read_actions
from vibrator.sliders import SliderSet

EMBEDDED = EncoderConfig("embedded")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SLIDERS = {
    "depth": "detailed technical documentation",
    "cooking": "quick weeknight recipes",
    "trails": "long mountain trails",
}
KINDS = np.array(["click", "read", "write", "dismiss"])
TEXTS = 20_000
EVENTS, PER_USER = 10_000_000, 100  # of the profile build
BLOCK = 1_000_000


def actions(count, users, rng, texts=TEXTS):
    start = np.datetime64("2026-01-01", "us")
    when = start + rng.integers(0, 60 * 86_400 * 10**6, count).astype("m8[us]")
    return pd.DataFrame(
        {
            "timestamp": pd.Series(when).dt.tz_localize("UTC"),
            "user_id": pd.Series([f"user {n}" for n in users]),
            "action_type": KINDS[rng.integers(0, len(KINDS), count)],
            "content": np.array([f"a note on thing {n}" for n in range(texts)], dtype=object)[
                rng.integers(0, texts, count)
            ],
            "weight": rng.choice([1.0, 0.5, -1.0], count),
        }
    )


def scoring(figures, bars):
    """A million (user, item) pairs: pieces one after another here, and on two workers."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = actions(60_000, rng.integers(0, 10_000, 60_000), rng, texts=500)
        log.to_parquet(folder / "log.parquet")
        run_profiles(EMBEDDED, cut(str(folder / "log.parquet")), folder / "profiles")
        people = pd.read_parquet(folder / "profiles")
        people.to_parquet(folder / "people.parquet", row_group_size=1_000)
        items = pd.DataFrame({"id": range(100), "text": [f"an item about {n}" for n in range(100)]})
        items.to_csv(folder / "items.csv", index=False)
        work = Score(EMBEDDED, tuple(SliderSet(SLIDERS).items()), str(folder / "items.csv"), NOW)
        pieces = cut(str(folder / "people.parquet"), rows=1_000)
        with cluster(2) as client:
            run(work, pieces[:4], folder / "warm", client=client)  # the fixed start
            run(work, pieces[:1], folder / "warm-here")
            walls = [
                (
                    walled(run, work, pieces, folder / f"dask-{n}", client=client),
                    walled(run, work, pieces, folder / f"here-{n}"),
                )
                for n in range(3)
            ]
            peaks = client.run(peak_megabytes).values()
    ratios = [there[0] / here[0] for there, here in walls]
    same = len({done.checksum for pair in walls for _, done in pair})
    figures["pairs"] = walls[0][0][1].rows
    figures["pairs per s here"] = figures["pairs"] / median(here[0] for _, here in walls)
    figures["pairs per s, 2 workers"] = figures["pairs"] / median(w[0] for w, _ in walls)
    figures["checksums of 6 runs"] = same
    figures["worker peak MB"] = max(peaks)
    bars["2 workers over the plain loop"] = [median(ratios), "<=", 2.5]
    bars["memory per worker, GB"] = [max(peaks) / 1e3, "<=", 1.5]
    bars["different checksums of 6 runs"] = [same - 1, "<=", 0]


def profiles(figures, bars):
    """Ten million events of 100,000 people, a shard of a million at a time, texts cached."""
    encoder = encoder_of(EMBEDDED)
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name) / "shard.parquet")
        cpu, wall, done = 0.0, 0.0, 0
        for shard in range(EVENTS // BLOCK):
            rng = np.random.default_rng(shard)
            people = rng.integers(0, BLOCK // PER_USER, BLOCK) + shard * (BLOCK // PER_USER)
            actions(BLOCK, people, rng).to_parquet(path)
            if not shard:
                fold(read_actions(cut(path, rows=BLOCK)[0]), encoder)  # caches the texts
            clocks = time.process_time(), time.perf_counter()
            rows = profile_rows(fold(read_actions(cut(path, rows=BLOCK)[0]), encoder))
            cpu += time.process_time() - clocks[0]
            wall += time.perf_counter() - clocks[1]
            done += int(rows["events"].sum())
    figures["events"] = done
    figures["events per s of wall"] = done / wall
    figures["profile build peak MB"] = peak_megabytes()
    bars["events per s of a core"] = [done / cpu, ">=", 150_000]


def curves(figures, bars):
    """Core seconds by events, people, items and sliders: what `vibrator plan` is fitted to."""
    encoder, rng = encoder_of(EMBEDDED), np.random.default_rng(0)
    for users in (1_000, 4_000, 16_000):
        for per_user in (4, 16, 64):
            count = users * per_user
            frame = actions(count, np.arange(count) % users, rng, texts=2_000)
            fold(frame, encoder)
            started = time.process_time()
            rows = profile_rows(fold(frame, encoder))
            figures[f"fold s, {users} users x {per_user}"] = time.process_time() - started
            figures[f"profile bytes, {users} users x {per_user}"] = float(
                rows["profile"].str.len().mean()
            )
    bars["curve points"] = [9, ">=", 9]


def walled(work, *given, **named):
    started = time.perf_counter()
    result = work(*given, **named)
    return time.perf_counter() - started, result


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


PARTS = {part.__name__: part for part in (scoring, profiles, curves)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="not needed: the data is made here")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    figures, bars = {}, {}
    for name in parser.parse_args().only:
        PARTS[name](figures, bars)
        print(name, "done", file=sys.stderr)
    close(figures, bars)


if __name__ == "__main__":
    main()
