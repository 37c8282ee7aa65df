"""A model of the reward that has not seen the decision it is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vibrator.bandits.logs import BanditLog
from vibrator.bandits.models import LinearModel
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def cross_fitted_rewards(
    log: BanditLog, rng: np.random.Generator, *, folds: int = 5, ridge: float = 10.0
) -> Floats:
    """q(context, arm) for every decision and arm, each row from the other folds' decisions.

    A ridge regression for every arm, shrunk to the mean reward of the folds it learnt from.
    """
    if folds < 2:
        raise BadInput(f"folds must be at least 2, got {folds}")
    if len(log) < folds:
        raise BadInput(f"a reward model in {folds} folds needs {folds} decisions, got {len(log)}")
    x = _with_constant(log)
    fold = rng.permutation(len(log)) % folds
    q = np.empty((len(log), len(log.names)))
    for held in range(folds):
        seen, asked = fold != held, fold == held
        base = log.rewards[seen].mean()
        model = LinearModel(len(log.names), x.shape[1], ridge=ridge)
        model.learn(log.arms[seen], x[seen], log.rewards[seen] - base)
        q[asked] = base + model.estimate(x[asked], needs="mean").mean
    return q


def _with_constant(log: BanditLog) -> Floats:
    ones = np.ones((len(log), 1))
    return ones if log.contexts is None else np.hstack([ones, log.contexts])
