"""How fast actions are read against a bare pandas.read_csv, and in how much memory."""

import argparse
import csv
import subprocess
import sys
import tempfile
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from report import close, ratio, seconds  # sets one thread before pandas is read

import pandas as pd  # isort: skip

from vibrator.datasets import load_actions, read_action_frames

KINDS = ("write", "click", "read", "react", "share")
TOPICS = ("storage engines", "weeknight pasta", "ridge paths", "night trains", "brass bands")
HEADER = ("timestamp", "user_id", "action_type", "content", "weight")
START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS, MANY = 1_000_000, 10_000_000
BLOCK = 100_000


def write_log(path, rows):
    """A log of the published layout, drawn from a seed."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for start in range(0, rows, BLOCK):
            draws = rng.integers(0, [20_000, len(KINDS), len(TOPICS), 4_000, 200], (BLOCK, 5))
            for n, (user, kind, topic, part, weight) in enumerate(draws.tolist(), start):
                when = (START + timedelta(seconds=n)).isoformat().replace("+00:00", "Z")
                words = f"{TOPICS[topic]} part {part}"
                writer.writerow([when, f"user_{user}", KINDS[kind], words, weight / 100])


def megabytes(path):
    """Peak memory of a process that reads all actions of a file."""
    code = (
        "import resource, sys; from collections import deque;"
        "from vibrator.datasets import load_actions;"
        "deque(load_actions(sys.argv[1]), maxlen=0);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    told = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    return float(told.stdout)


def walk(rows):
    """Read to the end, keep nothing."""
    deque(rows, maxlen=0)


def speed(folder):
    """A million rows against a bare pandas.read_csv."""
    log = folder / "log.csv"
    write_log(log, ROWS)
    bare = seconds(lambda: pd.read_csv(log), runs=3)
    frames = ratio(lambda: walk(read_action_frames(log)), lambda: pd.read_csv(log), runs=9)
    actions = ratio(lambda: walk(load_actions(log)), lambda: pd.read_csv(log), runs=9)
    figures = {
        "bare_rows_per_second": ROWS / bare,
        "frames_over_bare": frames,
        "actions_over_bare": actions,
    }
    return figures, {"frames": [frames, ">=", 0.5], "actions": [actions, ">=", 0.2]}


def memory(folder):
    """What ten million rows take."""
    write_log(folder / "long.csv", MANY)
    peak = megabytes(folder / "long.csv")
    return {"ten_million_rows_peak_mb": peak}, {"memory_mb": [peak, "<=", 600.0]}


PARTS = {"speed": speed, "memory": memory}


def main():
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir", type=Path, help="where the logs are made (a temporary folder)"
    )
    parser.add_argument("--only", choices=PARTS, help="measure this part alone")
    asked = parser.parse_args()
    figures, bars = {}, {}
    for name in [asked.only] if asked.only else PARTS:
        with tempfile.TemporaryDirectory(dir=asked.data_dir) as folder:
            found, limits = PARTS[name](Path(folder))
        figures |= found
        bars |= limits
    close(figures, bars)


if __name__ == "__main__":
    main()
