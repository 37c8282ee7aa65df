"""Slates: off-policy evaluation where several items were shown at once, position by position."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vibrator.bandits.estimators import Parts
from vibrator.bandits.evaluate import Evaluation, evaluate_policy
from vibrator.bandits.logs import BanditLog, checked_target
from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def independent(weights: Floats) -> Floats:
    """Every position's reward depends on its own item alone."""
    return weights


def cascade(weights: Floats) -> Floats:
    """A position's reward depends on its item and those before it."""
    return np.asarray(np.cumprod(weights, axis=1))


def whole(weights: Floats) -> Floats:
    """Every reward depends on the whole slate."""
    return np.asarray(np.broadcast_to(weights.prod(axis=1, keepdims=True), weights.shape))


INTERACTIONS: dict[str, Callable[[Floats], Floats]] = {
    "independent": independent,
    "cascade": cascade,
    "whole": whole,
}


def slate_parts(
    weights: ArrayLike, rewards: ArrayLike, *, interaction: str = "independent"
) -> Parts:
    """IPS of the slate's summed reward; rows are slates, columns positions, w = π/p_b in each.

    >>> slate_parts([[2.0, 0.5]], [[1.0, 1.0]], interaction="cascade").value
    3.0
    """
    if interaction not in INTERACTIONS:
        raise UnknownName(f"no interaction {interaction!r}; known: {list(INTERACTIONS)}")
    w, r = np.asarray(weights, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
    if w.ndim != 2 or w.shape != r.shape or not (w >= 0).all() or not np.isfinite(w * r).all():
        raise BadInput(f"weights and rewards must be slates × positions, got {w.shape}, {r.shape}")
    earned = (INTERACTIONS[interaction](w) * r).sum(axis=1)
    return Parts(np.zeros(len(w)), earned, np.ones(len(w)))


def evaluate_by_position(
    log: BanditLog, target: ArrayLike, rng: np.random.Generator, *, interval: str = "analytic"
) -> dict[int, Evaluation]:
    """One evaluation for every position of the log."""
    if log.positions is None:
        raise BadInput("the log does not say positions")
    pi = checked_target(target, (len(log), len(log.names)))
    at = {int(position): log.positions == position for position in np.unique(log.positions)}
    return {
        position: evaluate_policy(log.only(rows), pi[rows], rng, interval=interval)
        for position, rows in at.items()
    }
