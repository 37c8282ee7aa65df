"""Losses of several outputs as LightGBM objectives: ZILN, and revenue kept in order.

LightGBM grows one tree an output and round when `num_class` is given; scores come as a column a
class. Gradients are exact; Hessians are the diagonal, held positive so that every step descends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.checks import require_positive
from vibrator.errors import BadInput
from vibrator.ltv.boosting import Task, Trees, TreeSettings
from vibrator.ltv.heads import Lesson
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]

LEAST_HESSIAN = 1e-3
LEAST_SPREAD = 1e-3


def softplus(x: Floats) -> Floats:
    """log(1 + e^x), without overflow."""
    return np.asarray(np.logaddexp(0.0, x))


def ziln_loss(scores: Floats, label: Floats) -> Floats:
    """BCE(1[y>0], σ(l0)) + 1[y>0](log y + log s + ½log 2π + (log y − μ)²/2s²), s = softplus(l2)."""
    chance, mu, s = scores[:, 0], scores[:, 1], np.maximum(softplus(scores[:, 2]), LEAST_SPREAD)
    pays = label > 0
    log_y = np.log(np.where(pays, label, 1.0))
    cross = softplus(chance) - pays * chance
    normal = log_y + np.log(s) + 0.5 * np.log(2 * np.pi) + (log_y - mu) ** 2 / (2 * s**2)
    return np.asarray(cross + pays * normal)


def ziln_gradient(scores: Floats, label: Floats) -> tuple[Floats, Floats]:
    """Gradient and diagonal Hessian (Fisher's for the spread) of the ZILN loss."""
    p = sigmoid(scores[:, 0])
    s = np.maximum(softplus(scores[:, 2]), LEAST_SPREAD)
    slope = sigmoid(scores[:, 2])
    pays = (label > 0).astype(float)
    off = pays * (np.log(np.where(label > 0, label, 1.0)) - scores[:, 1])
    gradient = np.column_stack([p - pays, -off / s**2, pays * slope / s - slope * off**2 / s**3])
    hessian = np.column_stack([p * (1.0 - p), pays / s**2, pays * 2.0 * (slope / s) ** 2])
    return gradient, np.maximum(hessian, LEAST_HESSIAN)


def ziln_mean(scores: Floats) -> Floats:
    """σ(l0)·exp(μ + s²/2)."""
    s = np.maximum(softplus(scores[:, 2]), LEAST_SPREAD)
    return np.asarray(sigmoid(scores[:, 0]) * np.exp(scores[:, 1] + s**2 / 2.0))


@dataclass(frozen=True, slots=True)
class OrderLoss:
    """Huber in log1p for each horizon, plus hinge² where an earlier one exceeds a later one."""

    delta: float = 1.0
    order_weight: float = 1.0

    def __post_init__(self) -> None:
        require_positive("delta", self.delta)
        if self.order_weight < 0:
            raise BadInput(f"order_weight must not be negative, got {self.order_weight}")

    def loss(self, scores: Floats, target: Floats) -> Floats:
        """The loss of each row, target being log1p revenue."""
        miss: Floats = scores - target
        far = np.abs(miss) > self.delta
        huber = np.where(far, self.delta * (np.abs(miss) - self.delta / 2), miss**2 / 2)
        hinge = np.maximum(-np.diff(scores, axis=1), 0.0)
        return np.asarray(huber.sum(axis=1) + self.order_weight * (hinge**2).sum(axis=1))

    def gradient(self, scores: Floats, target: Floats) -> tuple[Floats, Floats]:
        """Gradient and diagonal Hessian."""
        gradient: Floats = np.clip(scores - target, -self.delta, self.delta)
        hessian = np.ones_like(scores)
        hinge = np.maximum(-np.diff(scores, axis=1), 0.0)
        gradient[:, :-1] += 2.0 * self.order_weight * hinge
        gradient[:, 1:] -= 2.0 * self.order_weight * hinge
        hessian[:, :-1] += 2.0 * self.order_weight * (hinge > 0)
        hessian[:, 1:] += 2.0 * self.order_weight * (hinge > 0)
        return gradient, hessian


@dataclass(frozen=True, slots=True)
class ZilnHead:
    """Zero-inflated lognormal at one horizon: chance, location and spread from one booster."""

    trees: Trees
    start: tuple[float, float, float]

    def scores(self, X: Matrix, *, threads: int = 1) -> Floats:
        """The three raw outputs."""
        return np.asarray(self.trees.predict(X, raw=True, threads=threads) + np.asarray(self.start))

    def predict(self, X: Matrix, *, threads: int = 1) -> Floats:
        """Expected revenue."""
        return ziln_mean(self.scores(X, threads=threads))


def fit_ziln(lesson: Lesson, settings: TreeSettings) -> ZilnHead:
    """ZILN at the longest horizon, from the scores that fit everybody alike."""
    y = lesson.labels.longest
    mine = y[lesson.rows]
    if not (0 < (mine > 0).sum() < mine.size):
        raise BadInput("ZILN needs training rows with revenue and rows without")
    logs = np.log(mine[mine > 0])
    share = float((mine > 0).mean())
    spread = max(float(logs.std()), LEAST_SPREAD)
    start = (np.log(share / (1 - share)), float(logs.mean()), float(np.log(np.expm1(spread))))

    def objective(scores: Floats, data: Any) -> tuple[Floats, Floats]:
        return ziln_gradient(_columns(scores, 3) + np.asarray(start), data.get_label())

    task = Task(objective, y, None, lesson.rows, {"num_class": 3})
    return ZilnHead(lesson.fit(task, settings), start)


@dataclass(frozen=True, slots=True)
class OrderedHead:
    """All horizons from one booster under the order loss, made exact by running sums of steps.

    The loss pulls towards order; where a prediction still falls it is the later one that gives:
    the steps between horizons are cut at zero before they are added up.
    """

    trees: Trees
    start: tuple[float, ...]

    def predict(self, X: Matrix, *, threads: int = 1) -> Floats:
        """Typical revenue a horizon."""
        scores = self.trees.predict(X, raw=True, threads=threads) + np.asarray(self.start)
        first = np.maximum(scores[:, :1], 0.0)
        steps = np.maximum(np.diff(scores, axis=1), 0.0)
        return np.asarray(np.expm1(np.cumsum(np.hstack([first, steps]), axis=1)))


def fit_ordered(lesson: Lesson, settings: TreeSettings, loss: OrderLoss) -> OrderedHead:
    """The order-preserving loss over every horizon at once; needs two horizons or more."""
    target = np.log1p(lesson.labels.revenue)
    size = target.shape[1]
    if size < 2:
        raise BadInput("an order needs at least two horizons")
    start = tuple(float(v) for v in target[lesson.rows].mean(axis=0))
    order = np.arange(len(target), dtype=float)

    def objective(scores: Floats, data: Any) -> tuple[Floats, Floats]:
        at = data.get_label().astype(np.int64)
        return loss.gradient(_columns(scores, size) + np.asarray(start), target[at])

    task = Task(objective, order, None, lesson.rows, {"num_class": size})
    return OrderedHead(lesson.fit(task, settings), start)


def _columns(scores: Floats, size: int) -> Floats:
    return scores if scores.ndim == 2 else scores.reshape(-1, size, order="F")
