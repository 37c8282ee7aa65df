"""How good probabilities were, as sums: parts of the rows add up to the whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from vibrator.errors import BadInput

BINS = 1_000  # of probability: the rank measure is exact up to ties inside a thousandth
SUMS = ("rows", "outcomes", "said", "brier", "log_loss")
SURE = 1e-15  # the surprise at an impossible event is bounded by this


def tally(frame: pd.DataFrame, source: str = "frame") -> pd.DataFrame:
    """Sums by slider and bin of probability."""
    for name in ("probability", "outcome"):
        if name not in frame:
            raise BadInput(f"{source} must have a column {name}, got {list(frame)}")
    p, y = (frame[name].to_numpy(dtype=np.float64) for name in ("probability", "outcome"))
    if not ((p >= 0) & (p <= 1)).all():
        raise BadInput(f"{source}: every probability must lie from 0 to 1")
    if not np.isin(y, (0, 1)).all():
        raise BadInput(f"{source}: every outcome must be 0 or 1")
    likely = np.clip(np.where(y == 1, p, 1 - p), SURE, 1)
    rows = pd.DataFrame(
        {
            "slider": frame.get("slider", "all"),
            "bin": np.minimum((p * BINS).astype(np.int64), BINS - 1),
            "rows": 1,
            "outcomes": y,
            "said": p,
            "brier": (p - y) ** 2,
            "log_loss": -np.log(likely),
        }
    )
    return add_up([rows])


def add_up(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The tally of all the rows."""
    together = pd.concat(list(tallies), ignore_index=True)
    return together.groupby(["slider", "bin"], as_index=False)[list(SUMS)].sum()


def measures(tallied: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a slider: how often, how far off, how well told apart.

    >>> rows = pd.DataFrame({"probability": [0.1, 0.9], "outcome": [0, 1]})
    >>> [(one["rows"], round(one["brier"], 3), one["auc"]) for one in measures(tally(rows))]
    [(2, 0.01, 1.0)]
    """
    return [_measured(str(name), rows) for name, rows in tallied.groupby("slider")]


def _measured(slider: str, bins: pd.DataFrame) -> dict[str, Any]:
    count, positive = bins["rows"].to_numpy(dtype=float), bins["outcomes"].to_numpy(dtype=float)
    total, ups = count.sum(), positive.sum()
    downs = count - positive
    below = np.cumsum(downs) - downs / 2  # bins rise, ties count half
    gap = np.abs(bins["said"].to_numpy(dtype=float) - positive).sum() / total
    return {
        "slider": slider,
        "rows": int(total),
        "base_rate": ups / total,
        "said": float(bins["said"].sum() / total),
        "brier": float(bins["brier"].sum() / total),
        "log_loss": float(bins["log_loss"].sum() / total),
        "ece": float(gap),
        "auc": float(positive @ below / (ups * downs.sum())) if 0 < ups < total else None,
    }
