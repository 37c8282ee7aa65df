"""What every benchmark here shares: medians, one thread, and the closing JSON line."""

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas")
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}  # the widest is told
CPU = Path("/proc/cpuinfo")


def machine():
    """What a figure depends on, in words: the kind of processor and the versions, no names."""
    flags = CPU.read_text(encoding="utf-8").split() if CPU.exists() else []
    wide = next((f" with {told}" for flag, told in VECTORS.items() if flag in flags), "")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    where = f"{os.cpu_count()}-core {platform.machine()} machine{wide}"
    return f"{where}, Python {platform.python_version()}, {packages}"


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
