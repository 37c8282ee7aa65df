"""Stores against their bars: appends, versions, the decision loop, memory, search.

Peers run beside: bare SQLite inserts, numpy, faiss, pgvector and Milvus Lite by their own clients.

    python benchmarks/stores.py [--only NAME …]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import VersionConflict
from vibrator.personalizer import Personalizer
from vibrator.stores import Event, Item, open_store
from vibrator.stores.ports import Snapshot

sys.path.insert(0, str(Path(__file__).parent.parent))

SLIDERS = {
    "depth": "detailed technical documentation",
    "cooking": "quick weeknight recipes",
    "trails": "long mountain trails",
}
ITEMS = {f"item {n}": f"{what} number {n}" for n in range(10) for what in ("a guide to gRPC",)}
TEXTS = [f"{what} {n}" for what in ("ridge walk", "gRPC stream", "plum cake") for n in range(300)]
WIDTH, MANY = 256, 100_000


def opened(folder, **options):
    return Personalizer.open(
        f"sqlite:///{folder}/app.db", sliders=SLIDERS, encoder="embedded", **options
    )


def spread(count, seed=0):
    """Clustered unit vectors, as encoders give them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(200, WIDTH))
    rows = centres[rng.integers(0, 200, count)] + 0.7 * rng.normal(size=(count, WIDTH))
    return (
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    )


def rate(work, count, repeats=15):
    """The middle one of several rates."""
    rates = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        rates.append(count / (time.perf_counter() - started))
    return statistics.median(rates)


def appends(figures, bars):
    """observe, one at a time and a thousand at a time, beside bare inserts of the same rows."""
    with tempfile.TemporaryDirectory() as folder, opened(folder) as app:
        app.encoder.encode_actions([UserAction("click", text) for text in TEXTS])
        singles = [UserAction("click", random.choice(TEXTS)) for _ in range(2_000)]
        thousand = [UserAction("click", random.choice(TEXTS)) for _ in range(1_000)]
        one = rate(lambda: [app.observe("ada", action) for action in singles], len(singles))
        many = rate(lambda: [app.observe("ada", thousand) for _ in range(10)], 10_000)
        started = time.process_time()
        for _ in range(10):
            app.observe("ada", thousand)
        on_cpu = 10_000 / (time.process_time() - started)
        bare_one, bare_many = bare_inserts(folder)
    figures["appends"] = {
        "single_per_s": one,
        "batched_per_s": many,
        "batched_per_cpu_s": on_cpu,
        "bare_single_per_s": bare_one,
        "bare_batched_per_s": bare_many,
        "single_over_bare": one / bare_one,
        "batched_over_bare": many / bare_many,
        "fsync": "WAL, synchronous=NORMAL: safe from a killed process, fsync at checkpoints",
    }
    bars["single appends/s"] = [one, ">=", 2_000]
    bars["batched appends/s"] = [many, ">=", 60_000]


def bare_inserts(folder):
    connection = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE e (seq INTEGER PRIMARY KEY AUTOINCREMENT, tenant, user_id, kind, event_id,"
        " at, text, body, UNIQUE (tenant, kind, event_id))"
    )
    connection.execute("CREATE INDEX u ON e (tenant, user_id, kind, seq)")
    put = "INSERT INTO e (tenant, user_id, kind, event_id, at, text, body) VALUES (?,?,?,?,?,?,?)"
    serial = iter(range(10**9))

    def rows(count):
        body = '{"type":"click","weight":1.0}'
        return [
            ("default", "ada", "action", f"{next(serial):040d}", 1, random.choice(TEXTS), body)
            for _ in range(count)
        ]

    def single(row):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(put, row)
        connection.execute("COMMIT")

    def batch(some):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(put, some)
        connection.execute("COMMIT")

    ones, batches = rows(2_000), [rows(1_000) for _ in range(10)]
    started = time.perf_counter()
    for row in ones:
        single(row)
    one = 2_000 / (time.perf_counter() - started)
    started = time.perf_counter()
    for some in batches:
        batch(some)
    many = 10_000 / (time.perf_counter() - started)
    connection.close()
    return one, many


def counter(figures, bars, processes=4, total=100_000):
    """Several processes increment one version-checked counter."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/app.db?busy_seconds=60"
        open_store(url).close()
        started = time.perf_counter()
        children = []
        for _ in range(processes):
            child = os.fork()
            if child == 0:
                increment(url, total // processes)
                os._exit(0)
            children.append(child)
        failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
        seconds = time.perf_counter() - started
        store = open_store(url)
        (kept,) = store.profiles.load(["counter"], fingerprint="f")
        store.close()
    figures["counter"] = {"reached": int(kept.body), "per_s": total / seconds, "failed": failed}
    bars["increments lost of 100,000"] = [total - int(kept.body), "<=", 0]


def increment(url, times):
    store = open_store(url)
    for _ in range(times):
        while True:
            (old,) = store.profiles.load(["counter"], fingerprint="f")
            body = str(int(old.body or b"0") + 1).encode()
            new = Snapshot(user_id="counter", body=body, fingerprint="f", version=old.version)
            try:
                store.profiles.save([new])
                break
            except VersionConflict:
                continue
    store.close()


def filled(store, users, each=3, start=0):
    """A log of so many users."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    batch = []
    for user in range(start, users):
        batch += [
            Event(
                event_id=f"{user}-{n}", user_id=f"user {user}", at=now, kind="action",
                text=TEXTS[(user * 7 + n) % len(TEXTS)], body={"type": "click", "weight": 1.0},
            )
            for n in range(each)
        ]  # fmt: skip
        if len(batch) >= 5_000:
            store.events.append(batch)
            batch = []
    store.events.append(batch)


def loop(figures, bars, users=MANY):
    """Profile load, score and decision logged; half of the users have a snapshot."""
    with tempfile.TemporaryDirectory() as folder, opened(folder) as app:
        filled(app.store, users)
        app.add_items(ITEMS)
        some = [f"user {n}" for n in random.Random(0).sample(range(users), 600)]
        for user in some[::2]:
            app.observe(user, [UserAction("click", random.choice(TEXTS)) for _ in range(40)])
        app.refresh(some[::2])
        for user in some[:50]:
            app.decide(user, ["item 3"])
        times, on_cpu = [], []
        for user in some:
            started, worked = time.perf_counter(), time.thread_time()
            app.decide(user, ["item 3"])
            times.append(1e3 * (time.perf_counter() - started))
            on_cpu.append(1e3 * (time.thread_time() - worked))
        ten = []
        for user in some:
            started = time.perf_counter()
            app.decide(user, list(ITEMS))
            ten.append(1e3 * (time.perf_counter() - started))
    p50, p99 = np.quantile(times, [0.5, 0.99])
    cpu50, cpu99 = np.quantile(on_cpu, [0.5, 0.99])  # what other work on the machine leaves alone
    figures["loop"] = {
        "p50_ms": p50,
        "p99_ms": p99,
        "p50_cpu_ms": cpu50,
        "p99_cpu_ms": cpu99,
        "ten_candidates_p50_ms": np.median(ten),
    }
    bars["load, score, decide p50 ms"] = [p50, "<=", 2.0]
    bars["load, score, decide p99 ms"] = [p99, "<=", 8.0]


def memory(figures, bars):
    """Resident memory after the same work over 10,000 and over a million users."""
    code = "from benchmarks.stores import resident; resident()"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    few, many = json.loads(done.stdout.strip().splitlines()[-1])
    figures["memory"] = {"rss_mb_10k": few, "rss_mb_1m": many}
    bars["RSS at 1M over 10k users"] = [many / few, "<=", 1.1]


def resident():
    """Print resident megabytes at both sizes."""
    found, users = [], 0
    with tempfile.TemporaryDirectory() as folder, opened(folder) as app:
        app.encoder.encode_actions([UserAction("click", text) for text in TEXTS])
        app.add_items(ITEMS)
        for size in (10_000, 1_000_000):
            filled(app.store, size, each=1, start=users)
            users = size
            for n in random.Random(1).sample(range(size), 3_000):
                app.decide(f"user {n}", ["item 1", "item 2"])
            found.append(_resident_mb())
    print(json.dumps(found))


def _resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def medians(first, second, repeats=40):
    """Milliseconds of two rivals, in turns, so that the machine treats them alike.

    Each goes first every other time: whoever asks second finds the rows in the processor's cache.
    """
    times = ([], [])
    for n in range(repeats):
        turns = list(zip((first, second), times, strict=True))
        for rival, kept in turns if n % 2 else reversed(turns):
            started = time.perf_counter()
            rival(n)
            kept.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times[0][3:]), statistics.median(times[1][3:])


def search_exact(figures, bars):
    rows = spread(MANY)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/app.db")
        stock(store.catalogue, rows)
        ours, bare = medians(
            lambda n: store.catalogue.search(rows[n : n + 1], 10, fingerprint="f"),
            lambda n: bare_numpy(rows, rows[n]),
        )
        store.close()
    report_search(figures, bars, "sqlite", "numpy", ours, bare)


def bare_numpy(rows, query):
    scores = rows @ query
    best = np.argpartition(-scores, 10)[:10]
    return best[np.argsort(-scores[best])]


def search_faiss(figures, bars):
    """Every row compared, as at this size; and in lists, as above the size where they begin."""
    import faiss

    rows = spread(MANY)
    faiss.omp_set_num_threads(1)
    for engine, above in (("faiss", MANY), ("faiss_lists", MANY // 2)):
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(f"sqlite:///{folder}/app.db?index=faiss&faiss_above={above}")
            stock(store.catalogue, rows)
            started = time.perf_counter()
            store.catalogue.search(rows[:1], 10, fingerprint="f")
            figures[f"search_{engine}_first_s"] = time.perf_counter() - started
            index = store.catalogue._index._index
            ours, bare = medians(
                lambda n, catalogue=store.catalogue: catalogue.search(
                    rows[n : n + 1], 10, fingerprint="f"
                ),
                lambda n, index=index: index.search(rows[n : n + 1], 10),
                200,
            )
            figures[f"search_{engine}_recall"] = recall(store.catalogue, rows)
            store.close()
        # Lists begin at 300,000 rows, where a search takes long beside what we add to it.
        report_search(figures, bars if above == MANY else {}, engine, "faiss", ours, bare)


def recall(catalogue, rows, queries=200):
    """How much of the ten nearest, by comparing all rows, a catalogue finds."""
    hits = 0
    for query in rows[:queries]:
        found = catalogue.search(query[None], 10, fingerprint="f")[0]
        hits += len({str(i) for i in bare_numpy(rows, query)} & {one.item_id for one in found})
    return hits / (10 * queries)


def search_postgres(figures, bars):
    import psycopg
    from pgvector.psycopg import register_vector

    from tests.servers import short_folder, start_postgres

    rows = spread(MANY)
    with short_folder() as folder:
        server = start_postgres(folder)
        store = open_store(server.get_uri())
        stock(store.catalogue, rows, MANY)
        bare = psycopg.connect(server.get_uri(), autocommit=True)
        bare.execute("SET hnsw.ef_search = 100")
        register_vector(bare)
        sql = (
            "SELECT item_id, embedding::vector(256) <#> %s::vector(256) AS distance"
            " FROM vibrator.items WHERE tenant = 'default' AND dimensions = 256"
            " ORDER BY distance LIMIT 10"
        )
        ours, theirs = medians(
            lambda n: store.catalogue.search(rows[n : n + 1], 10, fingerprint="f"),
            lambda n: bare.execute(sql, (rows[n],)).fetchall(),
            200,
        )
        figures["search_postgres_recall"] = recall(store.catalogue, rows)
        bare.close()
        store.close()
        server.cleanup()
    report_search(figures, bars, "postgres", "pgvector", ours, theirs)


def search_milvus(figures, bars):
    """The same collection by the bare client: Lite compares all rows, in Python."""
    from pymilvus import MilvusClient

    rows = spread(MANY)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"milvus:{folder}/m.db?index=FLAT")
        stock(store.catalogue, rows)
        client: MilvusClient = store._client
        name = store.catalogue._name
        field = "made_by_" + b"f".hex()
        ours, bare = medians(
            lambda n: store.catalogue.search(rows[n : n + 1], 10, fingerprint="f"),
            lambda n: client.search(name, rows[n : n + 1].tolist(), limit=10, anns_field=field),
        )
        store.close()
    report_search(figures, bars, "milvus", "milvus", ours, bare)


def stock(catalogue, rows, at_once=10_000):
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        items = [Item(item_id=str(start + n), text=f"text {start + n}") for n in range(len(part))]
        catalogue.upsert(items, part, fingerprint="f")


def report_search(figures, bars, engine, peer, ours, bare):
    figures[f"search_{engine}"] = {"p50_ms": ours, f"bare_{peer}_p50_ms": bare}
    bars[f"search {engine} over bare {peer}"] = [ours / bare, "<=", 1.3]


PARTS = {
    part.__name__: part
    for part in (
        appends, loop, memory, search_exact, search_faiss, search_postgres, search_milvus, counter,
    )
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="not needed: the data is made here")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    figures, bars = {}, {}
    InstructionalEncoder("embedded").encode_items(["loaded"])
    for name in parser.parse_args().only:
        PARTS[name](figures, bars)
        told = {bar: value for bar, (value, _, _) in bars.items()}
        print(name, "done:", json.dumps(told, default=float), file=sys.stderr)
    print(json.dumps({"figures": figures, "bars": bars}, default=float))


if __name__ == "__main__":
    main()
