"""What every benchmark here shares: medians, one thread, and the closing JSON line."""

import json
import os
import time
from statistics import median

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def seconds(work, *, runs=7):
    """Median seconds of a call, after one that warms up."""
    work()
    return median(_timed(work) for _ in range(runs))


def processor_seconds(work, *, runs=200, times=20):
    """Median seconds of the processor that one short call takes, whoever else is running."""
    work()
    return median(_processor(work, times) for _ in range(runs))


def ratio(ours, theirs, *, runs=7):
    """Median over runs of (their seconds / our seconds), measured in turns on a noisy machine."""
    ours(), theirs()
    return median(_timed(theirs) / _timed(ours) for _ in range(runs))


def close(figures, bars):
    """Print the table, then the one line that machines read."""
    for name, value in figures.items():
        print(f"{name:<44} {value:.6g}" if isinstance(value, float) else f"{name:<44} {value}")
    for name, (value, sign, limit) in bars.items():
        holds = value <= limit if sign == "<=" else value >= limit
        print(f"{'ok  ' if holds else 'SHORT'} {name}: {value:.6g} {sign} {limit:g}")
    print(json.dumps({"figures": figures, "bars": bars}))


def _processor(work, times):
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def _timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
