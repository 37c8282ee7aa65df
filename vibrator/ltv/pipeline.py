"""From prepared rows to a fitted model and an honest report beside a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.ltv import metrics
from vibrator.ltv.boosting import BinnedTable, Task, Trees
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.conformal import coverage_by_bin
from vibrator.ltv.features import FeaturePlan
from vibrator.ltv.heads import (
    TWEEDIE_POWER,
    Lesson,
    Predictions,
    calibrate_chain,
    fit_chain,
)
from vibrator.ltv.model import LtvModel, cross_intervals
from vibrator.ltv.prepared import Prepared, Side, prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, the report about it on later rows, and what it was made from."""

    model: LtvModel
    report: Mapping[str, Any]
    window: tuple[str, ...]


def train(frame: pd.DataFrame, config: LtvConfig, *, plan: FeaturePlan | None = None) -> Trained:
    """Fit on the training window, calibrate on a later one, report on the last."""
    return train_prepared(prepare(frame, config, plan=plan), config)


def train_prepared(prepared: Prepared, config: LtvConfig) -> Trained:
    """The same from rows that are ready."""
    lesson, kept = build_lesson(prepared, config)
    model = fit_model(lesson, kept, prepared, config)
    baseline = fit_baseline(lesson, config)
    report = evaluate(model, prepared.test, baseline=baseline, config=config)
    return Trained(model, report, prepared.window)


def build_lesson(prepared: Prepared, config: LtvConfig) -> tuple[Lesson, tuple[int, ...]]:
    """Bin the training rows once; every booster of this run learns from the same bins."""
    learn = prepared.learn
    rows = np.arange(len(learn) - prepared.stops)
    kept = tuple(range(len(prepared.features.names)))
    names = [prepared.features.names[i] for i in kept]
    table = BinnedTable(
        learn.X if len(kept) == learn.X.shape[1] else learn.X[:, kept],
        names,
        [name for name in names if name in prepared.features.categorical],
        threads=config.threads,
        seed=config.seed,
    )
    stop = np.arange(rows.size, len(learn))
    return Lesson(table, learn.labels, rows, stop if stop.size else None), kept


def fit_model(
    lesson: Lesson, kept: tuple[int, ...], prepared: Prepared, config: LtvConfig
) -> LtvModel:
    """Chain, levels and intervals."""
    raw = fit_chain(lesson, config.chain)
    X, labels = prepared.calibrate.X[:, kept], prepared.calibrate.labels
    return LtvModel(
        prepared.features,
        kept,
        calibrate_chain(raw, X, labels, threads=config.threads),
        cross_intervals(raw, X, labels, config),
        config.bids,
    )


@dataclass(frozen=True, slots=True)
class Baseline:
    """One plain Tweedie booster a horizon, on the same features: what has to be beaten."""

    horizons: tuple[int, ...]
    boosters: tuple[Trees, ...]

    def predict(self, X: Matrix, *, threads: int = 1) -> Floats:
        """A column a horizon, in no particular order."""
        return np.column_stack([trees.predict(X, threads=threads) for trees in self.boosters])


def fit_baseline(lesson: Lesson, config: LtvConfig) -> Baseline:
    """The plain model, grown like the chain's large trees."""
    power = {"tweedie_variance_power": TWEEDIE_POWER}
    boosters = [
        lesson.fit(Task("tweedie", column, None, lesson.rows, power), config.chain.large)
        for column in lesson.labels.revenue.T
    ]
    return Baseline(lesson.labels.horizons, tuple(boosters))


def evaluate(
    model: LtvModel, side: Side, *, config: LtvConfig, baseline: Baseline | None = None
) -> dict[str, Any]:
    """What the model is worth on rows it has not seen, slice by slice, beside the baseline."""
    X = side.X[:, model.kept]
    found = model.chain.predict(X, threads=config.threads)
    report: dict[str, Any] = {
        "rows": len(side),
        "order_violations": {
            head: metrics.order_violations(getattr(found, head))
            for head in ("buyer", "value", "log_value")
        },
        "horizons": {
            str(h): _horizon_report(model, found, side, h, config.seed) for h in found.horizons
        },
    }
    if baseline is not None:
        plain = baseline.predict(X, threads=config.threads)
        report["baseline"] = {
            "order_violations": metrics.order_violations(plain),
            "horizons": {
                str(h): metrics.measure(side.labels.revenue[:, at], plain[:, at])
                for at, h in enumerate(found.horizons)
            },
        }
    return report


def _horizon_report(
    model: LtvModel, found: Predictions, side: Side, horizon: int, seed: int
) -> dict[str, Any]:
    y = side.labels.revenue[:, found.horizons.index(horizon)]
    value = found.at(horizon)
    rng = np.random.default_rng(seed)
    return {
        "value": metrics.measure(y, value),
        "log_value": metrics.measure(y, found.at(horizon, "log_value")),
        "buyer": {
            "auc": metrics.auc(y, found.at(horizon, "buyer")),
            "bias": metrics.bias((y > 0).astype(float), found.at(horizon, "buyer")),
        },
        "intervals": {
            name: vars_of(metrics.bootstrap(name, y, value, rng, draws=100))
            for name in ("gini", "bias")
        },
        "deciles": metrics.decile_chart(y, value),
        "gain": metrics.gain_chart(y, value),
        "coverage": coverage_by_bin(y, value, model.intervals[horizon]),
        "slices": {name: metrics.measure_by(y, value, side.facts[name]) for name in side.facts},
    }


def vars_of(interval: metrics.Interval) -> dict[str, float]:
    """An interval as plain data."""
    return {"value": interval.value, "low": interval.low, "high": interval.high}
