"""How good a value model is: order, level, and both by slice, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

BUCKETS = 10


def _pair(label: ArrayLike, predicted: ArrayLike) -> tuple[Floats, Floats]:
    y, p = np.asarray(label, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape or y.size == 0:
        raise BadInput(f"labels and predictions must be equal columns, got {y.shape} and {p.shape}")
    if not (np.isfinite(y).all() and np.isfinite(p).all()):
        raise BadInput("labels and predictions must be finite")
    return y, p


def gini(label: ArrayLike, by: ArrayLike) -> float:
    """2·mean(cumsum(y)/Σy) − 1 with y in order of `by`, largest first, ties in the given order.

    >>> round(gini([0, 0, 0, 1], by=[0, 0, 0, 1]), 2), round(gini([1, 1], by=[2, 1]), 2)
    (1.0, 0.5)
    """
    y, p = _pair(label, by)
    total = y.sum()
    if not total > 0:
        return float("nan")
    ordered = y[np.argsort(-p, kind="stable")]
    return float(2.0 * np.mean(np.cumsum(ordered) / total) - 1.0)


def normalized_gini(label: ArrayLike, predicted: ArrayLike) -> float:
    """Gini by prediction over Gini by the label itself: 1 is the right order.

    >>> normalized_gini([0, 2, 5], [0.1, 0.2, 0.3])
    1.0
    """
    y, p = _pair(label, predicted)
    return gini(y, by=p) / gini(y, by=y)


def mutual_gini(label: ArrayLike, predicted: ArrayLike) -> float:
    """Area between the two Lorenz curves: 0 where predictions concentrate as labels do.

    Labels are ordered by the label, predictions by the prediction, both largest first.
    """
    y, p = _pair(label, predicted)
    if not (y.sum() > 0 and p.sum() > 0):
        return float("nan")
    lorenz_y, lorenz_p = (np.cumsum(np.sort(v)[::-1]) / v.sum() for v in (y, p))
    return float(np.mean(np.abs(lorenz_y - lorenz_p)))


def auc(label: ArrayLike, predicted: ArrayLike) -> float:
    """Chance that a buyer stands above a non-buyer, ties counted half.

    >>> auc([0, 0, 3], [0.1, 0.2, 0.9])
    1.0
    """
    y, p = _pair(label, predicted)
    hit = y > 0
    hits, misses = int(hit.sum()), int((~hit).sum())
    if not hits or not misses:
        return float("nan")
    return float((rankdata(p)[hit].sum() - hits * (hits + 1) / 2) / (hits * misses))


def spearman(label: ArrayLike, predicted: ArrayLike) -> float:
    """Correlation of the ranks."""
    y, p = _pair(label, predicted)
    a, b = rankdata(y), rankdata(p)
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def msle(label: ArrayLike, predicted: ArrayLike) -> float:
    """Mean (log1p y − log1p p)²."""
    y, p = _pair(label, predicted)
    return float(np.mean((np.log1p(y) - np.log1p(p)) ** 2))


def rmsle(label: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared log error."""
    return float(np.sqrt(msle(label, predicted)))


def mae(label: ArrayLike, predicted: ArrayLike) -> float:
    """Mean |y − p|."""
    y, p = _pair(label, predicted)
    return float(np.mean(np.abs(y - p)))


def rmse(label: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared error."""
    y, p = _pair(label, predicted)
    return float(np.sqrt(np.mean((y - p) ** 2)))


def r_squared(label: ArrayLike, predicted: ArrayLike) -> float:
    """1 − Σ(y − p)² / Σ(y − ȳ)²."""
    y, p = _pair(label, predicted)
    around = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - float(np.sum((y - p) ** 2)) / around if around > 0 else float("nan")


def bias(label: ArrayLike, predicted: ArrayLike) -> float:
    """Σ predicted / Σ label: 1 is the right level."""
    y, p = _pair(label, predicted)
    return float(p.sum() / y.sum()) if y.sum() > 0 else float("nan")


def wcal(label: ArrayLike, predicted: ArrayLike) -> float:
    """Σ |mean p − mean y| / Σ mean y over ten equal buckets by prediction."""
    rows = decile_chart(label, predicted)
    total = sum(row["label"] for row in rows)
    gaps = sum(abs(row["predicted"] - row["label"]) for row in rows)
    return float(gaps / total) if total > 0 else float("nan")


def decile_mape(label: ArrayLike, predicted: ArrayLike) -> float:
    """Mean |mean p − mean y| / mean y over the buckets that have revenue."""
    rows = [row for row in decile_chart(label, predicted) if row["label"] > 0]
    gaps = [abs(row["predicted"] / row["label"] - 1.0) for row in rows]
    return float(np.mean(gaps)) if gaps else float("nan")


def decile_chart(label: ArrayLike, predicted: ArrayLike) -> list[dict[str, float]]:
    """Mean prediction and mean label of ten equal buckets, lowest prediction first."""
    y, p = _pair(label, predicted)
    order = np.argsort(p, kind="stable")
    buckets = [rows for rows in np.array_split(order, BUCKETS) if rows.size]
    return [
        {
            "bucket": float(at),
            "rows": float(rows.size),
            "predicted": float(p[rows].mean()),
            "label": float(y[rows].mean()),
            "buyers": float((y[rows] > 0).mean()),
        }
        for at, rows in enumerate(buckets, start=1)
    ]


def gain_chart(label: ArrayLike, predicted: ArrayLike, *, points: int = 50) -> list[list[float]]:
    """Share of people, share of revenue among them, best predicted first."""
    y, p = _pair(label, predicted)
    if not y.sum() > 0:
        return []
    gained = np.concatenate([[0.0], np.cumsum(y[np.argsort(-p, kind="stable")]) / y.sum()])
    at = np.unique(np.linspace(0, y.size, points + 1).astype(int))
    return [[float(i / y.size), float(gained[i])] for i in at]


def relevance(label: ArrayLike) -> Floats:
    """How rare, and so how relevant, a label is: 0 at zero revenue, 1 from the top 1 % of buyers.

    Linear in log1p between; the upper anchor is the 99th percentile of the positive labels.
    """
    y = np.asarray(label, dtype=np.float64)
    if not (y > 0).any():
        return np.zeros(y.shape)
    top = np.log1p(np.quantile(y[y > 0], 0.99))
    return np.asarray(np.minimum(np.log1p(y) / top, 1.0))


def weighted_rmse(label: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error with each row weighted by its relevance."""
    y, p = _pair(label, predicted)
    weight = relevance(y)
    if not weight.sum() > 0:
        return float("nan")
    return float(np.sqrt(np.sum(weight * (y - p) ** 2) / weight.sum()))


def sera(label: ArrayLike, predicted: ArrayLike, *, steps: int = 100) -> float:
    """Squared error relevance area: ∫₀¹ Σ_{relevance ≥ t} (p − y)² dt, per row."""
    y, p = _pair(label, predicted)
    rank = relevance(y)
    errors = (p - y) ** 2
    at = np.linspace(0.0, 1.0, steps + 1)
    order = np.argsort(rank)
    above = np.concatenate([np.cumsum(errors[order][::-1])[::-1], [0.0]])
    return float(np.trapezoid(above[np.searchsorted(rank[order], at)], at) / y.size)


def ties(predicted: ArrayLike) -> float:
    """Share of rows whose prediction equals somebody else's."""
    p = np.asarray(predicted, dtype=np.float64)
    _, counts = np.unique(p, return_counts=True)
    return float(counts[counts > 1].sum() / p.size)


def order_violations(values: ArrayLike) -> int:
    """Rows in which a later horizon (column) is predicted below an earlier one."""
    return int((np.diff(np.asarray(values, dtype=np.float64), axis=1) < 0).any(axis=1).sum())


METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "gini": normalized_gini,
    "mutual_gini": mutual_gini,
    "spearman": spearman,
    "auc": auc,
    "msle": msle,
    "rmsle": rmsle,
    "mae": mae,
    "rmse": rmse,
    "r2": r_squared,
    "bias": bias,
    "wcal": wcal,
    "decile_mape": decile_mape,
    "weighted_rmse": weighted_rmse,
    "sera": sera,
}


def measure(label: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Every metric of one column of predictions."""
    figures = {name: metric(label, predicted) for name, metric in METRICS.items()}
    return figures | {"ties": ties(predicted)}


def measure_by(
    label: ArrayLike, predicted: ArrayLike, groups: ArrayLike, rng: Generator, *,
    least: int = 1_000,
) -> list[dict[str, Any]]:  # fmt: skip
    """The metrics that say something about a slice, per group of at least `least` rows.

    Gini and bias, by which slices are compared, come with their intervals.
    """
    y, p = _pair(label, predicted)
    kinds, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    chosen = ("gini", "auc", "bias", "wcal", "mae")
    return [
        {"group": str(kind), "rows": int(at.size)}
        | {name: METRICS[name](y[at], p[at]) for name in chosen}
        | {
            f"{name}_{end}": getattr(interval, end)
            for name, interval in bootstrap(("gini", "bias"), y[at], p[at], rng, draws=100).items()
            for end in ("low", "high")
        }
        for kind, at in ((k, np.flatnonzero(codes == i)) for i, k in enumerate(kinds))
        if at.size >= least
    ]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bootstrap interval around it."""

    value: float
    low: float
    high: float


def bootstrap(
    names: Sequence[str],
    label: ArrayLike,
    predicted: ArrayLike,
    rng: Generator,
    *,
    draws: int = 200,
) -> dict[str, Interval]:
    """Metrics with their 95 % percentile intervals over redrawn rows, all on the same draws.

    An interval is NaN where no draw has a figure, as for a slice in which nobody pays.
    """
    if stray := sorted(set(names) - set(METRICS)):
        raise UnknownName(f"no metric is called {stray}; known: {sorted(METRICS)}")
    y, p = _pair(label, predicted)
    order = np.argsort(-p, kind="stable")  # redrawn rows then stay in order, which sorts fast
    y, p = y[order], p[order]
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(draws):
        times = np.bincount(rng.integers(0, y.size, y.size), minlength=y.size)
        at = np.repeat(np.arange(y.size), times)
        for name in names:
            found[name].append(METRICS[name](y[at], p[at]))
    return {name: Interval(METRICS[name](y, p), *_middle(found[name])) for name in names}


def _middle(draws: Sequence[float]) -> tuple[float, float]:
    known = np.asarray(draws)[np.isfinite(draws)]
    if known.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
