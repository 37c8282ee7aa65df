"""From prepared rows to a fitted model and an honest report beside a baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.errors import BadInput
from vibrator.ltv import metrics
from vibrator.ltv.bids import ActRule, choose_act
from vibrator.ltv.boosting import BinnedTable, Task, Trees
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.conformal import coverage_by_bin
from vibrator.ltv.features import FeaturePlan
from vibrator.ltv.frames import list_partitions, read_frame
from vibrator.ltv.heads import (
    TWEEDIE_POWER,
    Lesson,
    Predictions,
    ValueChain,
    calibrate_chain,
    fit_chain,
)
from vibrator.ltv.model import LtvModel, cross_intervals
from vibrator.ltv.partitions import prepare_folder
from vibrator.ltv.plain import to_plain
from vibrator.ltv.prepared import Prepared, Side, prepare
from vibrator.ltv.sampling import SAMPLERS
from vibrator.ltv.selection import Dropped, mean_shap, select
from vibrator.ltv.stacking import fit_stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]

REDRAWN = ("gini", "mutual_gini", "spearman", "auc", "msle", "mae", "r2", "bias", "wcal", "sera")
SHAP_ROWS = 2_000
SELECTION_ROWS = 60_000  # training rows that are enough to choose features by


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, the report about it on later rows, and the borders of its data."""

    model: LtvModel
    report: Mapping[str, Any]
    window: tuple[str, ...]
    baseline: Baseline | None = None


def train(frame: pd.DataFrame, config: LtvConfig, *, plan: FeaturePlan | None = None) -> Trained:
    """Fit on the training window, calibrate on a later one, report on the last."""
    return train_prepared(prepare(frame, config, plan=plan), config)


def train_source(config: LtvConfig, *, plan: FeaturePlan | None = None) -> Trained:
    """Train on what `paths.data` names: a folder by time in pieces, anything else at once."""
    source = Path(config.paths.data)
    if source.is_dir() and list_partitions(source)[0].at is not None:
        return train_prepared(prepare_folder(source, config, plan=plan), config)
    if named := config.partitions.for_folders():
        raise BadInput(f"{source} is no folder by time, which partitions.{named[0]} is for")
    return train(read_frame(source, time=config.columns.time), config, plan=plan)


def train_prepared(prepared: Prepared, config: LtvConfig) -> Trained:
    """The same from rows that are ready."""
    lesson, kept, dropped = build_lesson(prepared, config)
    model, choices = fit_model(lesson, kept, prepared, config)
    baseline = fit_baseline(lesson, config)
    report = evaluate(model, prepared.test, baseline=baseline, config=config)
    shown = prepared.test.X[:SHAP_ROWS][:, kept]
    shap = shap_summary(model.chain, model.names, shown)
    selection = {"kept": list(model.names), "dropped": to_plain(dropped)}
    more = {"selection": selection, "choices": choices, "shap": shap}
    if model.act is not None:
        more["thresholds"] = threshold_report(model, model.act, prepared, config)
    return Trained(model, {**report, **more}, prepared.window, baseline)


def build_lesson(
    prepared: Prepared, config: LtvConfig
) -> tuple[Lesson, tuple[int, ...], list[Dropped]]:
    """Choose features, then bin the training rows once for every booster of this run."""
    learn, names = prepared.learn, prepared.features.names
    size = len(learn) - prepared.stops
    sample = np.arange(0, size, max(1, size // SELECTION_ROWS))
    part = _table(learn.X[sample], names, prepared, config)
    small = Lesson(part, learn.labels.take(sample), np.arange(sample.size))
    kept, dropped = select(names, small, config.selection)
    X = learn.X if len(kept) == len(names) else learn.X[:, kept]
    stop = np.arange(size, len(learn))
    table = _table(X, tuple(names[i] for i in kept), prepared, config)
    return Lesson(table, learn.labels, np.arange(size), stop if stop.size else None), kept, dropped


def _table(X: Matrix, names: tuple[str, ...], prepared: Prepared, config: LtvConfig) -> BinnedTable:
    categorical = [name for name in names if name in prepared.features.categorical]
    return BinnedTable(X, names, categorical, threads=config.threads, seed=config.seed)


def fit_model(
    lesson: Lesson, kept: tuple[int, ...], prepared: Prepared, config: LtvConfig
) -> tuple[LtvModel, dict[str, Any]]:
    """Chain, levels and intervals; what is optional has to win on the rows kept for deciding."""
    X, labels = prepared.calibrate.X[:, kept], prepared.calibrate.labels
    decide = prepared.decide

    def worth(raw: ValueChain) -> float:
        chain = calibrate_chain(raw, X, labels, threads=config.threads)
        found = chain.predict(decide.X[:, kept], threads=config.threads).value
        columns = zip(decide.labels.revenue.T, found.T, strict=True)
        return float(np.mean([metrics.normalized_gini(y, p) for y, p in columns]))

    lesson, sampling = _choose_sampling(lesson, config, worth)
    raw = fit_chain(lesson, config.chain)
    raw, stack = _choose_stack(raw, lesson, config, worth)
    chain = calibrate_chain(raw, X, labels, threads=config.threads)
    intervals = cross_intervals(raw, X, labels, config)
    act = None
    if config.thresholds.cost is not None:
        found = chain.predict(decide.X[:, kept], threads=config.threads)
        act = choose_act(found.buyer[:, -1], found.value[:, -1], decide.labels.longest,
                         config.thresholds)  # fmt: skip
    model = LtvModel(prepared.features, kept, chain, intervals, config.bids, act)
    return model, {"sampling": sampling, "stack": stack}


def threshold_report(
    model: LtvModel, rule: ActRule, prepared: Prepared, config: LtvConfig
) -> dict[str, Any]:
    """What the rule earns a person where it was chosen, and later, beside acting on everybody."""
    rows: dict[str, Any] = {"rule": to_plain(rule), "cost": config.thresholds.cost}
    for name, side in (("decide", prepared.decide), ("test", prepared.test)):
        found = model.chain.predict(side.X[:, model.kept], threads=config.threads)
        acted = rule.act(found.buyer[:, -1], found.value[:, -1])
        gain = side.labels.longest - float(config.thresholds.cost or 0.0)
        rows[name] = {
            "share": float(acted.mean()),
            "profit": float((gain * acted).mean()),
            "profit_on_all": float(gain.mean()),
        }
    return rows


def _choose_sampling(
    lesson: Lesson, config: LtvConfig, worth: Callable[[ValueChain], float]
) -> tuple[Lesson, dict[str, Any]]:
    plan = config.sampling
    if plan.method != "auto":
        return _sampled(lesson, plan.method, config), {"kept": plan.method}
    lessons = {name: _sampled(lesson, name, config) for name in ("none", *SAMPLERS)}
    figures = {name: worth(fit_chain(one, config.chain)) for name, one in lessons.items()}
    best = max(figures, key=lambda name: figures[name])
    kept = best if figures[best] >= figures["none"] + plan.margin else "none"
    return lessons[kept], {"kept": kept, "gini": figures}


def _sampled(lesson: Lesson, method: str, config: LtvConfig) -> Lesson:
    if method == "none":
        return lesson
    plan = config.sampling
    sample = SAMPLERS[method](
        lesson.labels.longest[lesson.rows], plan.hist, np.random.default_rng(config.seed)
    )
    weight = np.ones(lesson.table.size)
    weight[lesson.rows] = sample.row_weights(lesson.rows.size, corrected=plan.corrected)
    used = lesson.rows[weight[lesson.rows] > 0]
    return replace(lesson, rows=used, weight=weight)


def _choose_stack(
    raw: ValueChain, lesson: Lesson, config: LtvConfig, worth: Callable[[ValueChain], float]
) -> tuple[ValueChain, dict[str, Any]]:
    if not config.stack.enabled:
        return raw, {"kept": False}
    stacked = replace(raw, stack=fit_stack(lesson, config.chain, folds=config.stack.folds))
    figures = {"chain": worth(raw), "stack": worth(stacked)}
    kept = figures["stack"] >= figures["chain"] + config.stack.margin
    return stacked if kept else raw, {"kept": kept, "gini": figures}


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
        "intervals": to_plain(metrics.bootstrap(REDRAWN, y, value, rng, draws=100)),
        "deciles": metrics.decile_chart(y, value),
        "gain": metrics.gain_chart(y, value),
        "level": model.intervals[horizon].level,
        "coverage": coverage_by_bin(y, value, model.intervals[horizon]),
        "slices": {
            name: metrics.measure_by(y, value, side.facts[name], rng) for name in side.facts
        },
    }


def shap_summary(chain: ValueChain, names: tuple[str, ...], X: Matrix) -> list[dict[str, Any]]:
    """Mean |SHAP| of each feature in the anchor's Tweedie part, largest first."""
    means = mean_shap(chain.anchor.tweedie.booster, X)
    rows = [{"feature": n, "mean_abs": float(m)} for n, m in zip(names, means, strict=True)]
    return sorted(rows, key=lambda row: -row["mean_abs"])
