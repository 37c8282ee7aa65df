"""Lifetime value against its bars: simulated people, CDNOW, speed, and (--full) three million rows.

Peers run in the same process: one Tweedie booster a horizon and one log1p booster a horizon, both
on the same features and grown with the same settings as the chain's large trees.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from vibrator.ltv import metrics
from vibrator.ltv.artefact import save
from vibrator.ltv.boosting import Task
from vibrator.ltv.config import load_config
from vibrator.ltv.conformal import coverage_by_bin
from vibrator.ltv.frames import read_frame
from vibrator.ltv.partitions import prepare_folder
from vibrator.ltv.pipeline import Trained, build_lesson, evaluate, fit_baseline, fit_model
from vibrator.ltv.predictor import FastPredictor
from vibrator.ltv.prepared import prepare
from vibrator.ltv.purchases import PurchaseWindow, fit_purchases
from vibrator.ltv.simulated import simulate_users
from vibrator.ltv.simulated_nested import simulate_folder
from vibrator.ltv.transactions import Log, fit_transactions, summarize_purchases

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "configs" / "ltv.yaml"
USERS, SEEDS = 150_000, (0, 1, 2)
LEAST_BIN = 2_000


def simulated_seed(seed: int, users: int, threads: int) -> dict[str, object]:
    frame, _ = simulate_users(users, np.random.default_rng(seed))
    config = replace(load_config(CONFIG), seed=seed, threads=threads)
    prepared = prepare(frame, config)
    lesson, kept, _ = build_lesson(prepared, config)
    started = time.perf_counter()
    model, _ = fit_model(lesson, kept, prepared, config)
    fit_seconds = time.perf_counter() - started
    X = prepared.test.X[:, kept]
    plain = fit_baseline(lesson, config).predict(X, threads=threads)
    found = model.chain.predict(X, threads=threads)
    rows = {}
    for at, h in enumerate(config.horizons):
        y = prepared.test.labels.revenue[:, at]
        task = Task("regression", np.log1p(lesson.labels.revenue[:, at]), None, lesson.rows)
        single = np.maximum(lesson.fit(task, config.chain.large).predict(X), 0.0)
        rows[h] = {
            "tweedie": metrics.measure(y, plain[:, at]),
            "chain": metrics.measure(y, found.value[:, at]),
            "log_msle": metrics.msle(y, found.log_value[:, at]),
            "single_log_msle": metrics.msle(y, np.expm1(single)),
            "coverage": coverage_by_bin(y, found.value[:, at], model.intervals[h]),
        }
    return {
        "people": describe(frame),
        "violations": sum(
            metrics.order_violations(getattr(found, head))
            for head in ("buyer", "value", "log_value")
        ),
        "tweedie_violations": metrics.order_violations(plain),
        "horizons": rows,
        "calibration_rows": len(prepared.calibrate),
        "fit_seconds": fit_seconds,
        "model": model,
        "frame": frame,
        "window": prepared.window,
        "config": config,
    }


def describe(frame: pd.DataFrame) -> dict[str, float]:
    y = np.sort(frame["iap_revenue_d14"].to_numpy())[::-1]
    return {
        "buyers_d14": float((y > 0).mean()),
        "top_1_percent_share_d14": float(y[: len(y) // 100].sum() / y.sum()),
    }


def speed(run: dict[str, object], threads: int) -> dict[str, float]:
    frame = run["frame"].drop(columns=[c for c in run["frame"] if c.startswith(("buyer_", "iap_"))])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "model"
        save(Trained(run["model"], {"horizons": {}}, run["window"]), home, config=run["config"])
        predictor = FastPredictor(home, threads=threads)
        predictor.predict(frame.iloc[:2000])
        batch, one = frame.iloc[:100_000], frame.iloc[:1]
        rates, cpu, waits = [], [], []
        for _ in range(5):
            wall, used = time.perf_counter(), time.process_time()
            predictor.predict(batch)
            rates.append(len(batch) / (time.perf_counter() - wall))
            cpu.append((time.process_time() - used) / len(batch))
        for _ in range(60):
            wall = time.perf_counter()
            predictor.predict(one)
            waits.append(time.perf_counter() - wall)
    return {
        "rows_per_second": statistics.median(rates),
        "best_rows_per_second": max(rates),
        "cpu_microseconds_per_row": 1e6 * statistics.median(cpu),
        "one_row_ms": 1e3 * statistics.median(waits),
    }


def speed_bars(pace: dict[str, float]) -> dict[str, list[object]]:
    return {
        "rows_per_second": [pace["rows_per_second"], ">=", 50_000],
        "one_row_ms": [pace["one_row_ms"], "<=", 10.0],
    }


def cdnow(folder: Path) -> dict[str, float]:
    names = ["user_id", "date", "cds", "amount"]
    path = folder / "cdnow" / "CDNOW_master.txt.gz"
    frame = pd.read_csv(path, sep=r"\s+", skiprows=1, names=names)
    frame["date"] = pd.to_datetime(frame["date"].astype(str))
    log, end, days = Log(frame), pd.Timestamp("1997-12-31"), 182
    started = time.perf_counter()
    people, summary = summarize_purchases(log, end)
    bg = fit_transactions(summary)
    bg_seconds = time.perf_counter() - started
    later = log.spend(people, end, days)
    past = Log(frame[frame["date"] <= end])
    value = fit_purchases(past, PurchaseWindow(end, days)).predict(past).reindex(people).to_numpy()
    bg_value = bg.predict(summary, days=days)
    return {
        "gini": metrics.normalized_gini(later, value),
        "bias": metrics.bias(later, value),
        "bg_gini": metrics.normalized_gini(later, bg_value),
        "bg_bias": metrics.bias(later, bg_value),
        "bg_fit_seconds": bg_seconds,
        "bg_r": bg.frequency.r, "bg_alpha": bg.frequency.alpha,
        "bg_a": bg.frequency.a, "bg_b": bg.frequency.b,
    }  # fmt: skip


def coverage_misses(runs: list[dict[str, object]]) -> dict[str, float]:
    """Bins of enough rows whose coverage leaves its band, over all seeds and horizons."""
    bins = [
        row
        for run in runs
        for horizon in run["horizons"].values()
        for row in horizon["coverage"]
        if row["rows"] >= LEAST_BIN and run["calibration_rows"] / 10 >= LEAST_BIN
    ]
    low = sum(row["coverage"] < 0.93 for row in bins)
    high = sum(row["coverage"] > 0.97 and row["zeros"] < 0.5 for row in bins)
    return {
        "bins": len(bins),
        "misses": low + high,
        "misses_in_30": 30 * (low + high) / len(bins) if bins else float("nan"),
        "lowest": min((row["coverage"] for row in bins), default=float("nan")),
    }


def of(runs: list[dict[str, object]], horizon: int, who: str, name: str) -> float:
    return statistics.mean(run["horizons"][horizon][who][name] for run in runs)


def simulated(args: argparse.Namespace) -> tuple[dict[str, object], dict[str, list[object]]]:
    runs = [simulated_seed(seed, args.users, args.threads) for seed in SEEDS]
    pace = speed(runs[-1], args.threads)
    cover = coverage_misses(runs)
    excess = max(
        row["log_msle"] - row["single_log_msle"] for run in runs for row in run["horizons"].values()
    )
    lifts = {h: of(runs, h, "chain", "gini") - of(runs, h, "tweedie", "gini") for h in (1, 7, 14)}
    table = {
        f"d{h}_{who}_{name}": round(of(runs, h, who, name), 4)
        for h in (1, 7, 14)
        for who in ("chain", "tweedie")
        for name in ("gini", "auc", "bias", "wcal", "spearman")
    }
    figures = {
        "people": [run["people"] for run in runs],
        "tweedie_order_violations": [run["tweedie_violations"] for run in runs],
        "coverage": cover,
        "fit_seconds": statistics.median(run["fit_seconds"] for run in runs),
        "gini_lift_by_seed": {
            str(h): [
                round(
                    run["horizons"][h]["chain"]["gini"] - run["horizons"][h]["tweedie"]["gini"], 4
                )
                for run in runs
            ]
            for h in (1, 7, 14)
        },
        **pace,
        **table,
    }
    bars = {
        "order_violations": [sum(run["violations"] for run in runs), "<=", 0],
        "d7_gini_over_tweedie": [lifts[7], ">=", 0.008],
        "d1_gini_over_tweedie": [lifts[1], ">=", 0.04],
        "d7_bias_off": [abs(of(runs, 7, "chain", "bias") - 1.0), "<=", 0.08],
        "d7_wcal": [of(runs, 7, "chain", "wcal"), "<=", 0.18],
        "coverage_misses_in_30": [cover["misses_in_30"], "<=", 1.0],
        "log_msle_over_single": [excess, "<=", 0.002],
        **speed_bars(pace),
    }
    return figures, bars


def train_once(folder: Path, how: str, threads: int) -> dict[str, object]:
    """One training run in a process of its own, so that its peak memory is its own."""
    config = replace(load_config(CONFIG), threads=threads)
    started = time.perf_counter()
    if how == "dask":
        with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
            kept = replace(config.partitions, cache_features=cache)
            prepared = prepare_folder(folder, replace(config, partitions=kept))
            return fit_and_measure(prepared, config, started)
    return fit_and_measure(prepare(read_frame(folder), config), config, started)


def fit_and_measure(prepared, config, started: float) -> dict[str, object]:
    lesson, kept, _ = build_lesson(prepared, config)
    model, _ = fit_model(lesson, kept, prepared, config)
    seconds = time.perf_counter() - started
    report = evaluate(model, prepared.test, config=config)
    return {
        "seconds": seconds,
        "train_rows": len(prepared.learn),
        "test_rows": len(prepared.test),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "gini": {h: found["value"]["gini"] for h, found in report["horizons"].items()},
        "bias": {h: found["value"]["bias"] for h, found in report["horizons"].items()},
    }


def full(args: argparse.Namespace) -> tuple[dict[str, object], dict[str, list[object]]]:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "people"
        simulate_folder(args.full_rows, folder, np.random.default_rng(0))
        runs = {}
        for how in ("dask", "memory"):
            command = [sys.executable, __file__, "--train", how, "--folder", str(folder)]
            done = subprocess.run(
                [*command, "--threads", str(args.threads)],
                check=True,
                capture_output=True,
                text=True,
            )
            runs[how] = json.loads(done.stdout.splitlines()[-1])
    gap = max(abs(runs["dask"]["gini"][h] - runs["memory"]["gini"][h]) for h in ("1", "7", "14"))
    bars = {
        "full_peak_gb": [runs["dask"]["peak_gb"], "<=", 8.0],
        "full_minutes": [runs["dask"]["seconds"] / 60, "<=", 30.0],
        "full_gini_gap": [gap, "<=", 0.005],
    }
    return runs, bars


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="train on 3M rows through Dask")
    parser.add_argument("--full-rows", type=int, default=3_000_000)
    parser.add_argument("--train", choices=("dask", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only-speed", action="store_true", help="fit one model and time it")
    parser.add_argument("--only-full", action="store_true", help="the large run alone")
    args = parser.parse_args()
    if args.train:
        print(json.dumps(train_once(args.folder, args.train, args.threads)))
        return
    if args.only_speed:
        pace = speed(simulated_seed(SEEDS[-1], args.users, args.threads), args.threads)
        print(json.dumps({"figures": pace, "bars": speed_bars(pace)}))
        return
    figures, bars = ({}, {}) if args.only_full else simulated(args)
    if args.full or args.only_full:
        found, more = full(args)
        figures["full"] = found
        bars |= more
    if not args.only_full and (args.data_dir / "cdnow").is_dir():
        found = cdnow(args.data_dir)
        figures["cdnow"] = found
        bars["cdnow_gini"] = [found["gini"], ">=", 0.75]
        bars["cdnow_bias_off"] = [abs(found["bias"] - 1.0), "<=", 0.1]
    print(json.dumps({"figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
