"""Batch jobs against their bars: two workers beside one plain loop, and events folded a second.

python benchmarks/scale.py [--only scoring profiles curves pairs storage]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from report import close, processor_seconds
from scipy.optimize import nnls

from vibrator.encoders.ports import EncoderConfig
from vibrator.optional import need
from vibrator.pipeline import SliderScorer
from vibrator.profile import RING, Profile
from vibrator.scale.dask import cluster, run, run_profiles
from vibrator.scale.jobs import Score, encoder_of
from vibrator.scale.partitions import fold, folded, profile_rows, score
from vibrator.scale.pieces import cut, read_actions
from vibrator.sliders import SliderSet
from vibrator.stores import Event, open_store
from vibrator.stores.ports import Snapshot

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
    encoder = encoder_of(EncoderConfig("embedded", memory_vectors=4 * TEXTS * len(KINDS)))
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name) / "shard.parquet")
        cpu, wall, done = [], [], 0
        for shard in range(EVENTS // BLOCK):
            rng = np.random.default_rng(shard)
            people = rng.integers(0, BLOCK // PER_USER, BLOCK) + shard * (BLOCK // PER_USER)
            actions(BLOCK, people, rng).to_parquet(path)
            if not shard:
                fold(read_actions(cut(path, rows=BLOCK)[0]), encoder)  # caches the texts
            clocks = time.process_time(), time.perf_counter()
            rows = profile_rows(folded(read_actions(cut(path, rows=BLOCK)[0]), encoder))
            cpu.append(time.process_time() - clocks[0])
            wall.append(time.perf_counter() - clocks[1])
            done += int(rows["events"].sum())
    figures["events"] = done
    figures["events per s of wall"] = done / sum(wall)
    figures["events per s of a core, all shards"] = done / sum(cpu)
    figures["profile build peak MB"] = peak_megabytes()
    bars["events per s of a core"] = [BLOCK / median(cpu), ">=", 150_000]


def curves(figures, _bars):
    """Core seconds by people and events: what `vibrator plan` is fitted to."""
    encoder, rng = encoder_of(EMBEDDED), np.random.default_rng(0)
    points, seconds = [], []
    for users in (500, 2_000, 8_000):
        for per_user in (4, 16, 64):
            count = users * per_user
            frame = actions(count, np.arange(count) % users, rng, texts=2_000)
            fold(frame, encoder)
            started = time.process_time()
            rows = profile_rows(folded(frame, encoder))
            seconds.append(time.process_time() - started)
            points.append([users, min(per_user, RING) * users, max(per_user - RING, 0) * users])
            size = float(rows["profile"].str.len().mean())
            figures[f"profile bytes, {per_user} events"] = size
            figures[f"fold s, {users} users x {per_user}"] = seconds[-1]
    for name, value in fitted(points, seconds, ("a user", "an event kept", "an event summed")):
        figures[f"fold microseconds, {name}"] = value


def fitted(points, seconds, names):
    """Microseconds of each kind of thing: least squares of relative errors, none negative."""
    relative = np.array(points) / np.array(seconds)[:, None]  # small points count as large ones
    found, _ = nnls(relative, np.ones(len(points)))
    return zip(names, (1e6 * found).tolist(), strict=True)


def pairs(figures, _bars):
    """Core seconds and memory of scoring by people, items and sliders, the best ten kept."""
    encoder, bodies = encoder_of(EMBEDDED), {one.user_id: one.body for one in people_of(800)}
    points, seconds = [], []
    for users, items, sliders in product((100, 800), (250, 1_000, 4_000), (1, 4, 16)):
        scorer = SliderScorer(encoder, {f"s{n}": f"a note on thing {n}" for n in range(sliders)})
        vectors = encoder.encode_items([f"an item about {n}" for n in range(items)])
        some, offer = dict(list(bodies.items())[:users]), dict(enumerate(vectors))

        def work(some=some, offer=offer, scorer=scorer):
            people = {user: Profile.from_bytes(body) for user, body in some.items()}
            score(people, offer, scorer, NOW, best=10)

        seconds.append(processor_seconds(work, runs=3, times=1))
        points.append([users, users * items, users * items * sliders])
        tracemalloc.start()
        work()
        figures[f"score s, {users} users x {items} items x {sliders}"] = seconds[-1]
        figures[f"score MB, {users} users x {items} items x {sliders}"] = (
            tracemalloc.get_traced_memory()[1] / 1e6
        )
        tracemalloc.stop()
    for name, value in fitted(points, seconds, ("a user", "a pair", "a pair and slider")):
        figures[f"score microseconds, {name}"] = value


def storage(figures, _bars):
    """Bytes of an event and of a profile in SQLite, PostgreSQL and Redis."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.servers import RedisServer, short_folder, start_postgres

    snapshots = people_of(2_000)
    with short_folder() as folder:
        store = open_store(f"sqlite:///{folder}/app.db")
        append(store, 100_000)
        store.close()
        figures["sqlite bytes an event"] = (folder / "app.db").stat().st_size / 100_000
        server = start_postgres(folder / "pg")
        store = open_store(server.get_uri())
        append(store, 100_000)
        with connected(server) as postgres:
            size = postgres.execute("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'vibrator'"
                " AND relkind IN ('r', 'p')").fetchone()[0]  # fmt: skip
        store.close()
        server.cleanup()
        figures["postgres bytes an event"] = float(size) / 100_000
        redis = RedisServer(folder).start()
        client = need("redis", extra="redis").Redis(unix_socket_path=str(redis.socket))
        before = client.info("memory")["used_memory"]
        for one in snapshots:
            client.hset(f"v:p:{one.user_id}", mapping={"number": 1, "seq": 1, "body": one.body})
        used = client.info("memory")["used_memory"] - before
        client.close()
        redis.stop()
    figures["redis bytes a profile"] = used / len(snapshots)


def connected(server):
    import psycopg

    return psycopg.connect(server.get_uri())


def append(store, count):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for start in range(0, count, 5_000):
        store.events.append(
            [
                Event(
                    event_id=f"{n:032x}", user_id=f"user {n % 5_000}", at=now, kind="action",
                    text=f"a note on thing {n % TEXTS}", body={"type": "click", "weight": 1.0},
                )
                for n in range(start, start + 5_000)
            ]
        )  # fmt: skip


def people_of(count):
    rng = np.random.default_rng(0)
    frame = actions(count * 40, np.arange(count * 40) % count, rng, texts=1_000)
    rows = profile_rows(folded(frame, encoder_of(EMBEDDED)))
    return [
        Snapshot(user_id=user, body=body, fingerprint="f")
        for user, body in zip(rows["user_id"], rows["profile"], strict=True)
    ]


def walled(work, *given, **named):
    started = time.perf_counter()
    result = work(*given, **named)
    return time.perf_counter() - started, result


def peak_megabytes():
    """The most this process held. ru_maxrss would not do: a process begins with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


PARTS = {part.__name__: part for part in (scoring, profiles, curves, pairs, storage)}


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
