"""What another policy would have earned: seven estimators as one sum in three parts.

Every estimator is  mean(direct) + Σ correction / Σ normaliser,  with w = π/p_b and q a model of
the reward: its value, its per-decision terms (whose spread is its error) and its bootstrap follow
from the parts alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.bandits.logs import BanditLog, checked_target
from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

SWITCH = 10.0  # weights above this are left to the model (switch-DR)
SHRINK = 100.0  # λ of the optimistic shrinkage (DRos)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """An estimate taken apart; one row a decision."""

    direct: Floats
    correction: Floats
    normaliser: Floats

    @property
    def value(self) -> float:
        """The estimate.

        >>> Parts(np.zeros(2), np.array([1.0, 2.0]), np.array([2.0, 1.0])).value
        1.0
        """
        return float(self.direct.mean() + self.correction.sum() / self.normaliser.sum())

    @property
    def terms(self) -> Floats:
        """Values whose mean is the estimate and whose spread is its error (delta method)."""
        share = self.correction.sum() / self.normaliser.sum()
        residual = self.correction - share * self.normaliser
        return np.asarray(self.direct + share + residual / self.normaliser.mean())

    def first(self, count: int) -> Parts:
        """What was known after so many decisions."""
        return Parts(self.direct[:count], self.correction[:count], self.normaliser[:count])


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """Per decision: the weight w, the reward, q of the arm taken, and Σ π q over all arms."""

    weights: Floats
    rewards: Floats
    q_taken: Floats
    q_target: Floats

    @property
    def residual(self) -> Floats:
        """What the reward model did not foresee."""
        return self.rewards - self.q_taken


def rounds(log: BanditLog, target: ArrayLike, q: ArrayLike | None = None) -> Rounds:
    """The log seen by a target policy; `target` and `q` have a row a decision, a column an arm."""
    pi = checked_target(target, (len(log), len(log.names)))
    model = np.zeros_like(pi) if q is None else np.asarray(q, dtype=np.float64)
    if model.shape != pi.shape or not np.isfinite(model).all():
        raise BadInput(f"q must be finite numbers of the shape {pi.shape}, got {model.shape}")
    at = np.arange(len(log)), log.arms
    return Rounds(pi[at] / log.propensities, log.rewards, model[at], (pi * model).sum(axis=1))


def dm(seen: Rounds) -> Parts:
    """Direct method: the model alone."""
    return Parts(seen.q_target, np.zeros_like(seen.rewards), np.ones_like(seen.rewards))


def ips(seen: Rounds) -> Parts:
    """Inverse propensity scores: mean of w r."""
    ones = np.ones_like(seen.rewards)
    return Parts(np.zeros_like(ones), seen.weights * seen.rewards, ones)


def snips(seen: Rounds) -> Parts:
    """Self-normalised: Σ w r / Σ w."""
    return Parts(np.zeros_like(seen.weights), seen.weights * seen.rewards, seen.weights)


def dr(seen: Rounds) -> Parts:
    """Doubly robust: the model, mended by the weighted residuals."""
    return _mended(seen, seen.weights)


def sndr(seen: Rounds) -> Parts:
    """Doubly robust with self-normalised weights."""
    return Parts(seen.q_target, seen.weights * seen.residual, seen.weights)


def switch_dr(seen: Rounds, threshold: float = SWITCH) -> Parts:
    """Doubly robust where the weight is at most the threshold, else the model alone."""
    return _mended(seen, np.where(seen.weights <= threshold, seen.weights, 0.0))


def dros(seen: Rounds, shrink: float = SHRINK) -> Parts:
    """Doubly robust with optimistically shrunk weights λw/(w² + λ)."""
    if math.isinf(shrink):
        return dr(seen)
    return _mended(seen, shrink * seen.weights / (seen.weights**2 + shrink))


def _mended(seen: Rounds, weights: Floats) -> Parts:
    return Parts(seen.q_target, weights * seen.residual, np.ones_like(weights))


ESTIMATORS: dict[str, Callable[[Rounds], Parts]] = {
    "dm": dm,
    "ips": ips,
    "snips": snips,
    "dr": dr,
    "sndr": sndr,
    "switch-dr": switch_dr,
    "dros": dros,
}
UNBIASED = frozenset({"ips", "snips", "dr", "sndr"})  # up to O(1/n); the others trade bias


def estimator(name: str) -> Callable[[Rounds], Parts]:
    """The estimator of that name."""
    if name not in ESTIMATORS:
        raise UnknownName(f"no estimator {name!r}; known: {list(ESTIMATORS)}")
    return ESTIMATORS[name]
