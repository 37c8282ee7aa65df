"""A log in parquet, profiles folded by a worker, the best two items of everybody."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

DID = [
    ("ada", "write", "how does the scheduler pick a node?"),
    ("bruno", "click", "lentil soup in twenty minutes"),
    ("chioma", "share", "three days on the ridge path"),
]
ITEMS = {
    "manual": "Detailed documentation of a storage engine",
    "soup": "One pan, three vegetables, twenty minutes",
    "hut": "A mountain trail from hut to hut",
}
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}


def vibrator(*words):
    subprocess.run([sys.executable, "-m", "vibrator", "batch", *map(str, words)], check=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = pd.DataFrame(DID, columns=["user_id", "action_type", "content"])
        log["timestamp"] = pd.Timestamp("2026-03-01T08:00Z")
        log.to_parquet(folder / "log.parquet")
        items = pd.DataFrame(ITEMS.items(), columns=["id", "text"])
        items.to_csv(folder / "items.csv", index=False)
        (folder / "sliders.json").write_text(json.dumps({"sliders": SLIDERS}), encoding="utf-8")

        vibrator("profiles", folder / "log.parquet", "-o", folder / "profiles", "--workers", 1)
        vibrator("score", folder / "profiles", folder / "items.csv", "-s",
                 folder / "sliders.json", "-o", folder / "scores", "--best", 2)  # fmt: skip
        print(pd.read_parquet(folder / "scores"))


if __name__ == "__main__":  # a worker that starts anew reads this file again
    main()
