"""Every head on the same bins and rows: the chain at its calibrated level, rivals as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.ltv import metrics
from vibrator.ltv.boosting import Task
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.heads import TWEEDIE_POWER, Lesson, calibrate_chain, fit_chain
from vibrator.ltv.objectives import OrderLoss, fit_ordered, fit_ziln
from vibrator.ltv.pipeline import Trained, build_lesson, train_source
from vibrator.ltv.prepared import Prepared, load_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]

Rival = Callable[["Matrix"], "Floats"]


def _tweedie(lesson: Lesson, config: LtvConfig) -> Rival:
    power = {"tweedie_variance_power": TWEEDIE_POWER}
    task = Task("tweedie", lesson.labels.longest, None, lesson.rows, power)
    return lesson.fit(task, config.chain.large).predict


def _log1p(lesson: Lesson, config: LtvConfig) -> Rival:
    trees = lesson.fit(
        Task("regression", np.log1p(lesson.labels.longest), None, lesson.rows), config.chain.large
    )
    return lambda X: np.expm1(np.maximum(trees.predict(X), 0.0))


def _ziln(lesson: Lesson, config: LtvConfig) -> Rival:
    return fit_ziln(lesson, config.chain.large).predict


def _ordered(lesson: Lesson, config: LtvConfig) -> Rival:
    head = fit_ordered(lesson, config.chain.large, OrderLoss())
    return lambda X: head.predict(X)[:, -1]


RIVALS: dict[str, Callable[[Lesson, LtvConfig], Rival]] = {
    "tweedie": _tweedie,
    "log1p": _log1p,
    "ziln": _ziln,
    "ordered": _ordered,
}


def compare(prepared: Prepared, config: LtvConfig) -> list[dict[str, Any]]:
    """A row a head: its figures at the longest horizon on the test rows, the chain first."""
    lesson, kept, _ = build_lesson(prepared, config)
    X, y = prepared.test.X[:, kept], prepared.test.labels.longest
    raw = fit_chain(lesson, config.chain)
    chain = calibrate_chain(raw, prepared.calibrate.X[:, kept], prepared.calibrate.labels)
    rows = [{"head": "share chain", **metrics.measure(y, chain.predict(X).value[:, -1])}]
    for name, fit in RIVALS.items():
        found = fit(lesson, config)(X)
        rows.append({"head": name, **metrics.measure(y, found)})
    return rows


def ablate(
    whole: Trained, config: LtvConfig, *, groups: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """A row a feature group: the test Gini without it, by training on `paths.data` once more."""
    plan = load_plan(config)
    rows = [{"without": "nothing", **_ginis(whole)}]
    for group in groups or plan.on():
        trained = train_source(config, plan=plan.without(group))
        rows.append({"without": group, **_ginis(trained)})
    return rows


def _ginis(trained: Trained) -> dict[str, Any]:
    horizons = trained.report["horizons"]
    return {f"gini_d{h}": found["value"]["gini"] for h, found in horizons.items()}
