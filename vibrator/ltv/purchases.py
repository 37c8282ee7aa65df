"""Purchases ranked by trees at the level of BG/NBD: each does what it does better."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vibrator.checks import require_positive
from vibrator.ltv.boosting import BinnedTable
from vibrator.ltv.heads import Anchor, ChainSettings, Labels, Lesson, ask_each, fit_anchor
from vibrator.ltv.transactions import (
    Log,
    TransactionModel,
    combine,
    fit_transactions,
    summarize_purchases,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECENT_DAYS = (28, 90)


@dataclass(frozen=True, slots=True)
class BoostedPurchases:
    """Order by trees that learned the window before `end`, total by BG/NBD and Gamma-Gamma."""

    transactions: TransactionModel
    ranker: Anchor
    end: pd.Timestamp
    days: float

    def predict(self, log: Log) -> pd.Series:
        """Expected spend of every customer of the log in the `days` after `end`."""
        features = purchase_features(log, self.end, self.transactions, days=self.days)
        X = features.to_numpy(dtype=np.float32)
        rank = self.ranker.raw(self.ranker.parts(ask_each(X)))
        level = (features["expected_purchases"] * features["expected_amount"]).to_numpy(dtype=float)
        return pd.Series(combine(rank, level), index=features.index, name="value")


@dataclass(frozen=True, slots=True)
class PurchaseWindow:
    """The end of what is known, the days to foretell, and how the trees grow."""

    end: pd.Timestamp
    days: float
    chain: ChainSettings = field(default_factory=ChainSettings)

    def __post_init__(self) -> None:
        require_positive("days", self.days)


def fit_purchases(log: Log, window: PurchaseWindow) -> BoostedPurchases:
    """Teach the trees on the last `days` before the end, what came earlier being their input."""
    cut = window.end - pd.Timedelta(days=window.days)
    earlier = fit_transactions(summarize_purchases(log, cut)[1])
    features = purchase_features(log, cut, earlier, days=window.days)
    labels = Labels((1,), log.spend(features.index, cut, window.days)[:, None])
    table = BinnedTable(features.to_numpy(dtype=np.float32), list(features))
    ranker = fit_anchor(Lesson(table, labels, np.arange(len(features))), window.chain)
    known = fit_transactions(summarize_purchases(log, window.end)[1])
    return BoostedPurchases(known, ranker, window.end, window.days)


def purchase_features(
    log: Log, end: pd.Timestamp, model: TransactionModel, *, days: float
) -> pd.DataFrame:
    """A customer at `end`: frequency, recency, amounts, and what the transaction model expects.

    Nothing here grows with the age of the log, so that trees taught at one end serve at another.
    """
    rows = log.until(end)
    _, people = summarize_purchases(log, end)
    day = pd.Timedelta(days=1)
    amounts = rows.groupby(log.user)[log.amount]
    found = pd.DataFrame({"purchases": amounts.size(), "spend": amounts.sum()})
    found["largest"], found["mean"] = amounts.max(), amounts.mean()
    found["since_last"] = (end - rows.groupby(log.user)[log.date].max()) / day
    for recent in RECENT_DAYS:
        start = end - recent * day
        found[f"spend_{recent}d"] = log.spend(found.index, start, recent)
    found["expected_purchases"] = model.frequency.expected(people, days)
    found["expected_amount"] = model.amount.expected(people)
    found["alive"] = model.frequency.alive(people)
    found["last_share"] = people.t_x / np.maximum(people.T, 1.0)
    return found
