"""Replay against the outside tables and the clock: accuracy, speed, memory, state updates.

    python benchmarks/replay.py [--data-dir DIR] [--events 20000000]

The data directory holds `ml-100k` in the MovieLens layout; the tables of the reference
implementation are looked for in `../expected/lamf` beside it. Large logs run in a child process of
their own, whose peak memory is the figure.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd

from vibrator.datasets.movielens import load_movielens
from vibrator.intent.replay import evaluate_policies_on_event_log
from vibrator.intent.simulation import simulate_policies
from vibrator.intent.state import IntentState
from vibrator.intent.summary import bootstrap_summary, friedman_nemenyi

RUNS = 5
RULED = ("Static", "Triggers", "Liquid+Rules")
CATEGORIES, ITEMS, EVENTS_A_USER = 30, 50_000, 100


def timed(work):
    """Seconds of the one core that the work runs on: other work on the machine does not count."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def median_seconds(work):
    return statistics.median(timed(work)[0] for _ in range(RUNS))


def accuracy(log, tables):
    per_user = evaluate_policies_on_event_log(*log, paper=True)
    expected = pd.read_csv(tables / "per_user.csv")
    ruled = [c for c in expected if c.partition("_")[2] in RULED]
    same = np.isclose(per_user[ruled], expected[ruled]).all(axis=1).mean()
    summary, _ = bootstrap_summary(per_user, paper=True)
    reference_means = pd.read_csv(tables / "summary.csv").filter(like="_mean")
    off = (summary[reference_means.columns] - reference_means).abs().to_numpy().max()
    chi2 = friedman_nemenyi(per_user)[0]["friedman_chi2"]
    reference = pd.read_csv(tables / "friedman.csv")["friedman_chi2"]
    return {
        "rows_equal_share": float(same),
        "largest_mean_error": float(off),
        "largest_chi2_error_share": float(np.abs(chi2 / reference - 1).max()),
    }


def simulation_errors(tables):
    """Of the means over the seeds, conversion and trust alike."""
    reference = pd.read_csv(tables / "sim_per_seed.csv").groupby("policy")
    ours = simulate_policies().groupby("policy")
    rates = ["conversion_rate", "trust_event_rate"]
    off = (ours[rates].mean() - reference[rates].mean()).abs().max(axis=1)
    return {
        "simulation_error_ruled": float(off[list(RULED)].max()),
        "simulation_error_bandits": float(off["Liquid+Bandits"]),
    }


def synthetic_log(n_events):
    """Users with leanings of their own over items of uneven popularity."""
    rng = np.random.default_rng(0)
    users = max(n_events // EVENTS_A_USER, 1)
    item = (ITEMS * rng.random(n_events) ** 3).astype(np.int64)
    category = rng.integers(0, CATEGORIES, size=ITEMS)
    events = pd.DataFrame(
        {
            "user_id": rng.integers(0, users, size=n_events),
            "item_id": item,
            "ts": 1.5e9 + 86_400 * 90 * rng.random(n_events),
            "cat_idx": category[item],
            "weight": rng.choice([1.0, 2.0, 3.0], size=n_events, p=[0.9, 0.06, 0.04]),
        }
    )
    return events, dict(enumerate(category.tolist())), CATEGORIES


def large_replay(n_events, pipe):
    log = synthetic_log(n_events)
    start = time.perf_counter()
    seconds, per_user = timed(lambda: evaluate_policies_on_event_log(*log))
    wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    pipe.send({"seconds": seconds, "wall_seconds": wall, "peak_gb": peak, "users": len(per_user)})


def at_scale(n_events):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=large_replay, args=(n_events, there))
    child.start()
    figures = here.recv()
    child.join()
    return {f"scale_{name}": value for name, value in figures.items()}


def update_rates(n=300_000):
    rng = np.random.default_rng(0)
    places, times = rng.integers(0, 20, size=n), np.sort(rng.random(n) * 1e7)
    pairs = list(zip(places.tolist(), times.tolist(), strict=True))

    def one_at_a_time():
        state = IntentState(20)
        for place, at in pairs:
            state.update(place, at, 1.0)

    def batched():
        IntentState(20).update_many(places, times, np.ones(n))

    return {
        "updates_per_s": n / median_seconds(one_at_a_time),
        "batched_updates_per_s": n / median_seconds(batched),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", type=Path, default=shared)
    parser.add_argument("--events", type=int, default=20_000_000)
    options = parser.parse_args()

    figures = update_rates()
    bars = {
        "updates_per_s": [figures["updates_per_s"], ">=", 300_000],
        "batched_updates_per_s": [figures["batched_updates_per_s"], ">=", 1_000_000],
    }
    if (options.data_dir / "ml-100k").is_dir():
        log = load_movielens(options.data_dir / "ml-100k")
        figures["ml_100k_seconds"] = median_seconds(lambda: evaluate_policies_on_event_log(*log))
        bars["ml_100k_seconds"] = [figures["ml_100k_seconds"], "<=", 0.3]
        tables = options.data_dir.parent / "expected" / "lamf"
        if tables.is_dir():
            figures |= accuracy(log, tables / "ml-100k") | simulation_errors(tables / "simulation")
            bars |= {
                "rows_equal_share": [figures["rows_equal_share"], ">=", 0.98],
                "largest_mean_error": [figures["largest_mean_error"], "<=", 0.001],
                "largest_chi2_error_share": [figures["largest_chi2_error_share"], "<=", 0.01],
                "simulation_error_ruled": [figures["simulation_error_ruled"], "<=", 0.002],
                "simulation_error_bandits": [figures["simulation_error_bandits"], "<=", 0.015],
            }
    figures |= at_scale(options.events)
    bars["scale_seconds"] = [figures["scale_seconds"], "<=", 180 * options.events / 20_000_000]
    bars["scale_peak_gb"] = [figures["scale_peak_gb"], "<=", 4.0]
    for name, value in figures.items():
        print(f"{name:28} {value:,.4g}")
    print(json.dumps({"figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
