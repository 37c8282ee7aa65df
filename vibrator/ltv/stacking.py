"""Fitting a stack: the meta-learner sees out-of-fold predictions only."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from vibrator.errors import BadInput
from vibrator.ltv.boosting import BinnedTable, Task, TreeSettings
from vibrator.ltv.heads import TWEEDIE_POWER, ChainSettings, Lesson, ask_each, fit_anchor
from vibrator.ltv.stack import Linear, Stack, XgbTrees
from vibrator.optional import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]
    Rows = NDArray[np.intp]

FOREST = {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1, "feature_fraction": 0.6}
META = TreeSettings(
    rounds=60, learning_rate=0.05, leaves=4, least_rows_in_leaf=500, feature_share=1.0
)
META_NAMES = ("linear", "forest", "boosted", "anchor")


def fit_stack(lesson: Lesson, settings: ChainSettings, *, folds: int) -> Stack:
    """Base models on all training rows, the meta-learner on predictions for rows they left out."""
    if folds < 2:
        raise BadInput(f"a stack needs at least two folds, got {folds}")
    y = lesson.labels.longest
    fold = np.arange(lesson.rows.size) % folds
    left_out = np.empty((lesson.table.size, len(META_NAMES)), dtype=np.float32)
    for one in range(folds):
        known, unknown = lesson.rows[fold != one], lesson.rows[fold == one]
        X = lesson.table.X[unknown]
        bases = _fit_bases(lesson, known, settings)
        anchor = fit_anchor(_part(lesson, known), settings)
        left_out[unknown] = bases.bases(X, anchor.raw(anchor.parts(ask_each(X))))
    meta = BinnedTable(left_out[lesson.rows], META_NAMES)
    power = {"tweedie_variance_power": TWEEDIE_POWER}
    trees = meta.fit(Task("tweedie", y[lesson.rows], options=power), META)
    bases = _fit_bases(lesson, lesson.rows, settings)
    return Stack(bases.linear, bases.forest, bases.boosted, trees)


def _part(lesson: Lesson, rows: Rows) -> Lesson:
    return Lesson(lesson.table, lesson.labels, rows, None, lesson.weight)


def _fit_bases(lesson: Lesson, rows: Rows, settings: ChainSettings) -> Stack:
    y, X = lesson.labels.longest, lesson.table.X[rows]
    log_y = np.log1p(y)
    forest = lesson.fit(Task("regression", log_y, None, rows, FOREST), settings.large)
    return Stack(fit_linear(X, log_y[rows]), forest, _fit_boosted(X, y[rows], settings), forest)


def fit_linear(X: Matrix, target: Floats) -> Linear:
    """ElasticNet on standardised columns."""
    mean = np.nan_to_num(np.nanmean(X.astype(float), axis=0))
    scale = np.nanstd(X.astype(float), axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = np.nan_to_num((X - mean) / scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a base model need not be the optimum
        model = ElasticNet(alpha=0.001, l1_ratio=0.5, max_iter=200).fit(scaled, target)
    return Linear(
        tuple(mean.tolist()), tuple(scale.tolist()), tuple(model.coef_.tolist()),
        float(model.intercept_),
    )  # fmt: skip


def _fit_boosted(X: Matrix, y: Floats, settings: ChainSettings) -> XgbTrees:
    xgboost = need("xgboost", extra="ltv")
    large = settings.large
    parameters = {
        "objective": "reg:tweedie", "tweedie_variance_power": TWEEDIE_POWER, "max_depth": 4,
        "eta": large.learning_rate, "subsample": large.row_share, "nthread": 1, "seed": 0,
        "colsample_bytree": large.feature_share, "min_child_weight": 5, "verbosity": 0,
    }  # fmt: skip
    booster = xgboost.train(parameters, xgboost.DMatrix(X, label=y), large.rounds)
    return XgbTrees(booster.save_raw("json").decode())
