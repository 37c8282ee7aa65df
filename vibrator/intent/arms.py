"""A few arms with Beta beliefs: drawn by Thompson's rule, with the probability of each known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, betaincinv, betaln, xlog1py, xlogy

from vibrator.checks import require_share
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PANEL_LEVELS = np.concatenate(([1e-12, 1e-6, 1e-3], np.linspace(0.02, 0.98, 13), [1 - 1e-3]))
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(8)


class BetaArms:
    """How often each arm won and lost, from one of each at the start."""

    __slots__ = ("epsilon", "losses", "wins")

    def __init__(self, count: int, *, epsilon: float) -> None:
        if count < 1:
            raise BadInput(f"count must be at least 1, got {count}")
        self.epsilon = require_share("epsilon", epsilon)
        self.wins, self.losses = [1.0] * count, [1.0] * count

    def draw(self, allowed: Sequence[int], rng: np.random.Generator) -> tuple[int, bool]:
        """An allowed arm, and whether it was explored: drawn evenly, without regard to beliefs."""
        if rng.random() < self.epsilon:
            return allowed[int(rng.integers(len(allowed)))], True
        beliefs = [rng.beta(a, b) for a, b in zip(self.wins, self.losses, strict=True)]
        return max(allowed, key=beliefs.__getitem__), False

    def pay(self, arm: int, *, won: bool) -> None:
        """Remember what came of an arm."""
        counts = self.wins if won else self.losses
        counts[arm] += 1.0

    def propensities(self, allowed: Sequence[int]) -> Floats:
        """The probability of every arm to be drawn now, by quadrature; 0 where not allowed."""
        chances = np.zeros(len(self.wins))
        wins, losses = np.array(self.wins)[list(allowed)], np.array(self.losses)[list(allowed)]
        evenly = self.epsilon / len(allowed)
        chances[list(allowed)] = evenly + (1 - self.epsilon) * chances_to_win(wins, losses)
        return chances


def chances_to_win(wins: Floats, losses: Floats) -> Floats:
    """P(Beta(wᵢ, lᵢ) is the largest of all) = ∫ fᵢ(x) Π_{j≠i} Fⱼ(x) dx.

    The panels of the quadrature end at quantiles of every arm, so that a narrow one is not missed.

    >>> chances_to_win(np.array([1.0, 1.0]), np.array([1.0, 2.0])).round(6)
    array([0.666667, 0.333333])
    """
    a, b = np.asarray(wins)[:, None], np.asarray(losses)[:, None]
    ends = np.unique(np.concatenate(([0.0, 1.0], betaincinv(a, b, PANEL_LEVELS).ravel())))
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half + half * NODES).ravel()
    below = betainc(a, b, x)
    density = np.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))
    others = np.array([np.delete(below, i, axis=0).prod(axis=0) for i in range(len(a))])
    chances = (density * others) @ (half * NODE_WEIGHTS).ravel()
    return np.asarray(chances / chances.sum())
