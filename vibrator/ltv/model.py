"""The fitted model: features, the chain of heads, intervals, bids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.ltv.bids import ActRule, BidRule
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.conformal import MondrianIntervals, fit_intervals
from vibrator.ltv.features import Features
from vibrator.ltv.heads import Labels, Predictions, ValueChain, calibrate_chain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LtvModel:
    """What is saved, loaded and asked: rows in, values by horizon out."""

    features: Features
    kept: tuple[int, ...]
    chain: ValueChain
    intervals: Mapping[int, MondrianIntervals]
    bids: BidRule
    act: ActRule | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The features that the trees read."""
        return tuple(self.features.names[i] for i in self.kept)

    def matrix(self, frame: pd.DataFrame) -> Matrix:
        """The rows as the trees read them."""
        return np.ascontiguousarray(self.features.transform(frame)[:, list(self.kept)])

    def predict(self, frame: pd.DataFrame, *, threads: int = 1) -> Predictions:
        """Every head for every horizon."""
        return self.chain.predict(self.matrix(frame), threads=threads)

    def table(self, frame: pd.DataFrame, *, threads: int = 1) -> pd.DataFrame:
        """Predictions as columns: chance, value with interval, typical value, and the bid."""
        return self.columns_of(self.predict(frame, threads=threads))

    def columns_of(self, found: Predictions) -> pd.DataFrame:
        """The columns that `table` gives, of predictions at hand."""
        columns: dict[str, NDArray[Any]] = {}
        for at, h in enumerate(found.horizons):
            low, high = self.intervals[h].interval(found.value[:, at])
            columns |= {
                f"buyer_d{h}": found.buyer[:, at],
                f"value_d{h}": found.value[:, at],
                f"value_low_d{h}": low,
                f"value_high_d{h}": high,
                f"log_value_d{h}": found.log_value[:, at],
            }
        columns["bid"] = self.bids.bid(found.value[:, -1], found.buyer[:, -1])
        if self.act is not None:
            columns["act"] = self.act.act(found.buyer[:, -1], found.value[:, -1])
        return pd.DataFrame(columns)


def cross_intervals(
    chain: ValueChain, X: Matrix, labels: Labels, config: LtvConfig
) -> dict[int, MondrianIntervals]:
    """Intervals from calibration rows, each scored at a level that it took no part in fitting."""
    half = np.arange(len(X)) % 2
    predicted = np.empty(labels.revenue.shape)
    for side in (0, 1):
        mine, other = np.flatnonzero(half == side), np.flatnonzero(half != side)
        level = calibrate_chain(chain, X[other], labels.take(other), threads=config.threads)
        predicted[mine] = level.predict(X[mine], threads=config.threads).value
    plan = config.conformal
    return {
        h: fit_intervals(labels.revenue[:, at], predicted[:, at], level=plan.level, bins=plan.bins)
        for at, h in enumerate(labels.horizons)
    }
