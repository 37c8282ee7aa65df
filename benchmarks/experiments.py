"""Experiments: error rates of every way to look, peers on the same data, and how fast it goes.

python benchmarks/experiments.py [--data-dir DIR] [--simulations 20000] [--only ledger]
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import gammaln
from scipy.stats import norm
from scipy.stats import t as student

from vibrator.experiments.analysis import ALWAYS_VALID_FROM, analyze
from vibrator.experiments.assignment import Allocation
from vibrator.experiments.design import Experiment, Metric, Variant
from vibrator.experiments.ledger import Ledger, Record
from vibrator.stats.adjusted import cuped
from vibrator.stats.aggregates import Aggregates
from vibrator.stats.power import units_for_means
from vibrator.stats.ratios import PRIOR_STRENGTH, running_split
from vibrator.stats.sequential import (
    always_valid_p,
    asymptotic_half_width,
    best_rho2,
    empirical_bernstein,
    lan_demets,
    msprt_log_ratio,
    obrien_fleming,
    pocock,
)
from vibrator.stats.tests import proportions, ratio, welch

ALPHA, LOOKS, PAIRS, BURN_IN = 0.05, 4, 400, ALWAYS_VALID_FROM
SPLIT_UNITS, SPLIT_STRENGTH = 4000, 100  # a weak plan speaks up sooner: the harder case
UNEVEN = np.array([0.1, 0.35, 0.5, 1.0])  # looks that nobody planned
TAU2 = 0.3**2  # of the order of the effects that are looked for
Z = 1.959964
BLOCK = 500  # simulations held in memory at once
AGREES = 1e-6


def running(differences):
    """Mean and standard error of per-pair differences after every pair, sd estimated as it goes."""
    n = np.arange(1, differences.shape[1] + 1)
    total = np.cumsum(differences, axis=1)
    squares = np.cumsum(differences**2, axis=1)
    mean = total / n
    var = np.maximum(squares - n * mean**2, 1e-12) / np.maximum(n - 1, 1)
    return n, mean, np.sqrt(var / n)


def as_z(t, n):
    """The normal quantile with the same p-value as a t of n − 1 degrees, as `analyze` reads it."""
    return norm.isf(student.sf(t, n - 1))


def stops(mean, se, n):
    """Which simulations each scheme stops, as booleans."""
    late = slice(BURN_IN - 1, None)  # always-valid views start once an sd can be estimated
    at = (np.arange(1, LOOKS + 1) * len(n)) // LOOKS - 1
    t = np.abs(mean / se)
    z = as_z(t[:, at], n[at])
    off_plan = (UNEVEN * len(n)).astype(int) - 1
    half = asymptotic_half_width(
        se * np.sqrt(n), n, rho2=best_rho2(len(n), alpha=ALPHA), alpha=ALPHA
    )
    p = always_valid_p(msprt_log_ratio(mean, se**2, tau2=TAU2)[:, late])
    unplanned = lan_demets(UNEVEN, alpha=ALPHA).bounds
    return {
        "fixed": z[:, -1] > Z,
        "naive_peek": (t[:, late] > Z).any(axis=1),
        "obrien_fleming": (z > obrien_fleming(LOOKS, alpha=ALPHA).bounds).any(axis=1),
        "pocock": (z > pocock(LOOKS, alpha=ALPHA).bounds).any(axis=1),
        "lan_demets": (as_z(t[:, off_plan], n[off_plan]) > unplanned).any(axis=1),
        "asymptotic_cs": (np.abs(mean) > half)[:, late].any(axis=1),
        "msprt": (p <= ALPHA).any(axis=1),
    }


def rates(rng, effect, simulations):
    """How often each scheme stops on pairs of normal values that differ by `effect`."""
    counts = {}
    for _ in range(simulations // BLOCK):
        n, mean, se = running(effect + np.sqrt(2) * rng.normal(size=(BLOCK, PAIRS)))
        for name, stopped in stops(mean, se, n).items():
            counts[name] = counts.get(name, 0) + int(stopped.sum())
    return {name: count / simulations for name, count in counts.items()}


def bernstein_rate(rng, simulations):
    """The exact sequence on values in [0, 1], looked at after every one of them."""
    missed = 0
    for row in rng.beta(2, 5, (simulations, PAIRS)):
        low, high = empirical_bernstein(row, alpha=ALPHA)
        missed += bool(((low > 2 / 7) | (high < 2 / 7)).any())
    return missed / simulations


def split_rate(rng, simulations, strength):
    """How often a fair split is called unfair, looked at after every unit.

    The Bayes factor after n units depends on the counts alone, so a table of log-gammas will do;
    it is checked against the library's own running p-value on the first row.
    """
    n = np.arange(1, SPLIT_UNITS + 1)
    grown = gammaln(strength / 2 + np.arange(SPLIT_UNITS + 1)) - gammaln(strength / 2)
    whole = gammaln(strength) - gammaln(strength + n) + n * np.log(2)
    alarms = 0
    for block in range(simulations // BLOCK):
        arms = rng.integers(2, size=(BLOCK, SPLIT_UNITS), dtype=np.int8)
        ones = np.cumsum(arms, axis=1, dtype=np.int32)
        highest = (grown[ones] + grown[n - ones] + whole).max(axis=1)
        if block == 0:
            own = running_split(arms[0], strength=strength)[-1]
            assert np.isclose(own, np.exp(-max(highest[0], 0)))
        alarms += int((highest >= -np.log(ALPHA)).sum())
    return alarms / simulations


def peer_gap(rng):
    """The largest relative difference from tea-tasting over 200 random data sets."""
    import tea_tasting as tt

    gap = 0.0
    for _ in range(200):
        n = int(rng.integers(50, 400))
        before = rng.gamma(2.0, 2.0, n)
        data = pd.DataFrame(
            {"variant": np.arange(n) % 2, "views": 1.0 + rng.poisson(4, n), "x": before}
        )
        data["y"] = (
            2 + before * rng.uniform(0, 2) + rng.normal(size=n) + data.variant * rng.normal()
        )
        data["hit"] = (rng.random(n) < 0.3).astype(float)
        metrics = {
            "welch": tt.Mean("y"), "cuped": tt.Mean("y", "x"),
            "ratio": tt.RatioOfMeans("y", "views"),
            "share": tt.Proportion("hit", method="norm", correction=False),
        }  # fmt: skip
        theirs = tt.Experiment(metrics).analyze(data)
        for name, mine in ours(data).items():
            gap = max(gap, distance(mine, theirs[name], interval=name != "share"))
    return gap


def ours(data):
    arms = [data[data.variant == arm] for arm in (0, 1)]
    a, b = (Aggregates.of(arm[["y", "x", "views"]]) for arm in arms)
    hits = [(float(arm.hit.sum()), len(arm)) for arm in arms]
    return {
        "welch": welch(a.sample("y"), b.sample("y")),
        "cuped": cuped(a, b, metric="y", covariate="x").effect,
        "ratio": ratio(a, b, numerator="y", denominator="views"),
        "share": proportions(*hits),
    }


def distance(mine, theirs, *, interval):
    """Their interval of shares is Wald's, ours is Newcombe's: there only the tests are compared."""
    pairs = [
        (mine.difference, theirs.effect_size), (mine.pvalue, theirs.pvalue),
        (mine.control, theirs.control), (mine.treatment, theirs.treatment),
    ]  # fmt: skip
    if interval:
        pairs += [
            (mine.statistic, theirs.statistic),
            (mine.interval.low, theirs.effect_size_ci_lower),
            (mine.interval.high, theirs.effect_size_ci_upper),
        ]
    return max(abs(one - other) / max(abs(other), 1e-3) for one, other in pairs)


def seconds_for_a_million(rng):
    """Split check, CUPED, a share and a ratio over a million rows: median of three."""
    n = 1_000_000
    frame = pd.DataFrame({
        "variant": np.where(rng.random(n) < 0.5, "a", "b"), "y": rng.normal(size=n),
        "x": rng.normal(size=n), "hit": rng.random(n) < 0.1, "views": 1.0 + rng.poisson(3, n),
    })  # fmt: skip
    frame["clicks"] = frame.views * rng.random(n)
    experiment = Experiment(
        id="e", domain="d", variable="v", variants=(Variant("a"), Variant("b")),
        metrics=(Metric(name="y", covariate="x"), Metric(name="hit", kind="share"),
                 Metric(name="clicks", kind="ratio", denominator="views")),
    )  # fmt: skip
    return median_seconds(lambda: analyze(experiment, frame), 3)


def assignments_a_second():
    """By processor time, so that other processes on the machine do not count."""
    units = [f"user-{place}" for place in range(1_000_000)]
    plan = Allocation(experiment_id="e", weights={"a": 1, "b": 1})
    return len(units) / median_seconds(lambda: plan.assign(units), 5, time.process_time)


def median_seconds(work, repeats, clock=time.perf_counter):
    taken = []
    for _ in range(repeats):
        begun = clock()
        work()
        taken.append(clock() - begun)
    return statistics.median(taken)


def a_record(place):
    return Record(
        domain="d",
        experiment_id="e",
        variable="v",
        variant="a",
        metric_values={"value": place * 0.5},
        timestamp="2026-03-01T12:00:00+00:00",
    )


def ledger_rates(folder):
    """Appends a second: in batches, one by one with a sync each, and what the disk can do."""
    ledger = Ledger(folder / "lab.db")  # makes the folder
    batch = [a_record(place) for place in range(5000)]
    batched = 5000 / median_seconds(lambda: ledger.extend(batch), 5)
    single = 200 / median_seconds(lambda: append_some(ledger), 5)
    ledger.close()
    return batched, single, bare_commits(folder)


def append_some(ledger):
    for place in range(200):
        ledger.append("d", "e", "v", "a", {"value": place * 0.5})


def bare_commits(folder):
    """One-row commits a second of a bare SQLite table with the same promise (WAL, FULL)."""
    import sqlite3

    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, body TEXT)")

    def commits():
        for _ in range(200):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO bare (body) VALUES (?)", ("x" * 100,))
            connection.execute("COMMIT")

    rate = 200 / median_seconds(commits, 5)
    connection.close()
    return rate


def reference_failures():
    """Tests of the published values that fail."""
    import subprocess
    import sys

    tests = Path(__file__).parents[1] / "tests"
    names = [str(tests / f"test_stats{part}.py") for part in ("", "_sequential")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", *names],
        capture_output=True, text=True, check=False, cwd=tests.parent,
    )  # fmt: skip
    return run.stdout.count("FAILED ") + (run.returncode > 1)


BERNSTEIN_TABLE = {50: (0.318606, 0.686627), 200: (0.425187, 0.568849)}  # from outside


def bernstein_distance():
    """How far the sequence stays from an outside table for it, at the most."""
    values = ((37 * np.arange(1, 201)) % 101) / 101
    low, high = empirical_bernstein(values, alpha=ALPHA)
    pairs = [((low[t - 1], high[t - 1]), given) for t, given in BERNSTEIN_TABLE.items()]
    return max(float(np.abs(np.subtract(ours, given)).max()) for ours, given in pairs)


def append_many(path, who):
    ledger = Ledger(path)
    for place in range(100):
        ledger.append("d", f"e{who}", "v", "a", {"place": place})
    ledger.close()


def lost_by_eight(folder):
    """Records missing after eight processes appended at once."""
    path = folder / "shared.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=append_many, args=(path, who)) for who in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ledger = Ledger(path)
    lost = 800 - len(ledger)
    ledger.close()
    return lost


def error_rates(rng, simulations):
    """Every way to look, where there is nothing and where a fixed sample finds it with 80 %."""
    null = rates(rng, 0.0, simulations)
    power = rates(rng, np.sqrt(2) * 2.8015852 / np.sqrt(PAIRS), simulations)
    print("type I  ", {name: round(rate, 4) for name, rate in null.items()})
    print("power   ", {name: round(rate, 4) for name, rate in power.items()})
    sequential = {n: r for n, r in null.items() if n not in ("fixed", "naive_peek")}
    sequential["empirical_bernstein"] = bernstein_rate(rng, simulations)
    sequential["split_watched"] = split_rate(rng, simulations, PRIOR_STRENGTH)
    sequential["split_watched_weak_plan"] = split_rate(rng, simulations, SPLIT_STRENGTH)
    margin = 3 * np.sqrt(ALPHA * (1 - ALPHA) / simulations)
    bars = {f"type I of {n}": [r, "<=", ALPHA + margin] for n, r in sequential.items()}
    bars["power of O'Brien-Fleming, four looks"] = [power["obrien_fleming"], ">=", 0.78]
    figures = {f"type_1_{name}": rate for name, rate in null.items()}
    return figures | {f"power_{name}": rate for name, rate in power.items()}, bars


def agreement(rng, _):
    """The published values, and a peer on the same data."""
    return {"units_an_arm_for_0.2_sd": units_for_means(0.2)}, {
        "reference values missed": [reference_failures(), "<=", 0],
        "distance from the empirical-Bernstein table": [bernstein_distance(), "<=", 5e-7],
        "largest distance from tea-tasting": [peer_gap(rng), "<=", AGREES],
    }


def speed(rng, _):
    """A million rows judged, a million units assigned."""
    return {}, {
        "seconds for a million rows": [seconds_for_a_million(rng), "<=", 1.0],
        "assignments a second": [assignments_a_second(), ">=", 1e6],
    }


def keeping(_, __):
    """The ledger: the middle of three rounds' medians, beside what the disk gives without us."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = [ledger_rates(Path(folder) / str(place)) for place in range(3)]
        lost = lost_by_eight(Path(folder))
    batched, single, bare = map(statistics.median, zip(*rounds, strict=True))
    beside = statistics.median(one / disk for _, one, disk in rounds)
    return {"bare_sqlite_commits_a_second": bare}, {
        "batched appends a second": [batched, ">=", 20_000],
        "durable appends a second": [single, ">=", 1000],
        "durable appends over bare commits of the disk": [beside, ">=", 0.6],
        "records lost by eight processes": [lost, "<=", 0],
    }


PARTS = {"errors": error_rates, "agreement": agreement, "speed": speed, "ledger": keeping}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--data-dir", type=Path, help="not needed: everything is simulated")
    options.add_argument("--simulations", type=int, default=20_000)
    options.add_argument("--only", choices=PARTS, action="append", help="these parts alone")
    given = options.parse_args()
    rng = np.random.default_rng(7)

    figures, bars = {}, {}
    for name in given.only or PARTS:
        more, held = PARTS[name](rng, given.simulations)
        figures, bars = figures | more, bars | held
    for name, (value, sign, limit) in bars.items():
        held = value <= limit if sign == "<=" else value >= limit
        print(f"{'holds' if held else 'FAILS'}  {name}: {value:.6g} {sign} {limit:.6g}")
    print(json.dumps({"figures": figures, "bars": bars}, default=float))


if __name__ == "__main__":
    main()
