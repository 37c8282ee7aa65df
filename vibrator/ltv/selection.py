"""Features that earn their place, step by step, with a report of who went and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import BadInput
from vibrator.ltv.boosting import Task, TreeSettings
from vibrator.ltv.heads import Lesson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]
    Kept = NDArray[np.intp]

SAMPLE = 20_000  # rows that correlation, mutual information and SHAP are measured on


@dataclass(frozen=True, slots=True)
class SelectionPlan:
    """Thresholds of the steps; a step that is null is skipped.

    Importance, mutual information and SHAP are shares of the total: a feature below goes.
    """

    variance: float | None = 1e-12
    correlation: float | None = 0.999
    importance: float | None = None
    mutual_information: float | None = None
    shap: float | None = None

    def __post_init__(self) -> None:
        for name in STEPS:
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise BadInput(f"selection.{name} must lie from 0 to 1 or be null, got {value}")


@dataclass(frozen=True, slots=True)
class Dropped:
    """One feature that went: at which step, for which figure, next to what."""

    feature: str
    step: str
    figure: float
    beside: str = ""


def select(
    names: tuple[str, ...], lesson: Lesson, plan: SelectionPlan
) -> tuple[tuple[int, ...], list[Dropped]]:
    """Positions of the features that stay, and the report; learned on training rows only."""
    kept = np.arange(len(names))
    report: list[Dropped] = []
    for step, run in STEPS.items():
        threshold = getattr(plan, step)
        if threshold is not None and kept.size:
            out = run(lesson, kept, threshold)
            report += [Dropped(names[i], step, f, names[j] if j >= 0 else "") for i, f, j in out]
            kept = np.setdiff1d(kept, [i for i, _, _ in out])
    if kept.size == 0:
        raise BadInput("selection left no feature; loosen its thresholds")
    return tuple(int(i) for i in kept), report


Out = list[tuple[int, float, int]]  # feature, its figure, the feature it gave way to or -1


def _rows(lesson: Lesson) -> NDArray[np.intp]:
    """Every n-th training row, so that the measures need no dice."""
    return lesson.rows[:: max(1, lesson.rows.size // SAMPLE)]


def _by_variance(lesson: Lesson, kept: Kept, least: float) -> Out:
    variance = np.nanvar(lesson.table.X[_rows(lesson)][:, kept].astype(float), axis=0)
    return [(int(i), float(v), -1) for i, v in zip(kept, variance, strict=True) if not v > least]


def _by_correlation(lesson: Lesson, kept: Kept, most: float) -> Out:
    """Of two that say the same the later one goes."""
    block = np.nan_to_num(lesson.table.X[_rows(lesson)][:, kept].astype(float))
    centred = block - block.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    centred /= np.where(scale > 0, scale, 1.0)
    alike = np.abs(centred.T @ centred)
    out: Out = []
    gone = np.zeros(kept.size, dtype=bool)
    for j in range(kept.size):
        twins = np.flatnonzero((alike[:j, j] > most) & ~gone[:j])
        if twins.size:
            gone[j] = True
            out.append((int(kept[j]), float(alike[twins[0], j]), int(kept[twins[0]])))
    return out


def _trees(lesson: Lesson) -> Any:
    return lesson.fit(
        Task("tweedie", lesson.labels.longest, None, lesson.rows), TreeSettings(rounds=40)
    )


def _by_importance(lesson: Lesson, kept: Kept, least: float) -> Out:
    return _below(kept, _trees(lesson).gains()[kept], least)


def _by_shap(lesson: Lesson, kept: Kept, least: float) -> Out:
    return _below(
        kept, mean_shap(_trees(lesson).booster, lesson.table.X[_rows(lesson)])[kept], least
    )


def _by_mutual_information(lesson: Lesson, kept: Kept, least: float) -> Out:
    """Between each feature and who buys, both binned."""
    rows = _rows(lesson)
    buys = lesson.labels.longest[rows] > 0
    block = np.nan_to_num(lesson.table.X[rows][:, kept].astype(float), nan=-1.0)
    return _below(kept, np.array([_information(column, buys) for column in block.T]), least)


def _information(column: Floats, buys: NDArray[np.bool_], *, bins: int = 16) -> float:
    """Σ p(a,b) log p(a,b)/(p(a)p(b)) in nats."""
    edges = np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1]))
    at = np.searchsorted(edges, column, side="right")
    joint = np.bincount(2 * at + buys, minlength=2 * (edges.size + 1)).reshape(-1, 2) / column.size
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / product[seen])).sum())


def _below(kept: Kept, figures: Floats, least: float) -> Out:
    total = float(figures.sum())
    share = figures / total if total > 0 else figures
    return [(int(i), float(s), -1) for i, s in zip(kept, share, strict=True) if s < least]


def mean_shap(booster: Any, X: Matrix) -> Floats:
    """Mean |contribution| of each feature, by LightGBM's own exact TreeSHAP."""
    return np.asarray(
        np.abs(booster.predict(X, pred_contrib=True, num_threads=1))[:, :-1].mean(axis=0)
    )


STEPS: dict[str, Callable[[Lesson, Kept, float], Out]] = {
    "variance": _by_variance,
    "correlation": _by_correlation,
    "mutual_information": _by_mutual_information,
    "importance": _by_importance,
    "shap": _by_shap,
}
