"""The winner's curse: an effect that was picked for being large is smaller than it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from vibrator.checks import require_positive
from vibrator.errors import BadInput
from vibrator.stats.aggregates import numbers
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Population(Row):
    """What effects of this kind of experiment usually are: N(mean, sd²)."""

    mean: float
    sd: float

    def shrink(self, difference: float, se: float) -> tuple[float, float]:
        """The effect to expect when it is measured again, and its standard deviation.

        >>> Population(0.0, 1.0).shrink(2.0, 1.0)[0]
        1.0
        """
        trust = self.sd**2 / (self.sd**2 + require_positive("se", se) ** 2)
        return self.mean + trust * (difference - self.mean), math.sqrt(trust) * se


def population(differences: ArrayLike, errors: ArrayLike) -> Population:
    """Mean and spread of the true effects behind measured ones (DerSimonian and Laird)."""
    d, se = numbers("differences", differences), numbers("errors", errors)
    if len(d) != len(se) or len(d) < 2 or not (se > 0).all():
        raise BadInput(f"a population needs 2 effects with positive errors, got {len(d)}")
    weights = 1 / se**2
    fixed = weights @ d / weights.sum()
    excess = weights @ (d - fixed) ** 2 - (len(d) - 1)
    var = max(excess / (weights.sum() - (weights**2).sum() / weights.sum()), 0.0)
    weights = 1 / (se**2 + var)
    return Population(float(weights @ d / weights.sum()), math.sqrt(var))


def given_significant(difference: float, se: float, *, critical: float = 1.959964) -> float:
    """The effect whose estimate, *given that it passed the bar*, centres on what was measured.

    The conditional maximum likelihood estimate of Zhong and Prentice (2008): it shrinks a
    barely significant effect hard and a clear one hardly at all.

    >>> round(given_significant(5.0, 1.0), 2), given_significant(2.0, 1.0) < 1.0
    (5.0, True)
    """
    z = abs(difference) / require_positive("se", se)
    if z < critical:
        return difference

    def expected_given_pass(mean: float) -> float:
        upper, lower = norm.sf(critical - mean), norm.cdf(-critical - mean)
        pull = norm.pdf(critical - mean) - norm.pdf(critical + mean)
        return float(mean + pull / (upper + lower))

    shrunk = brentq(lambda mean: expected_given_pass(mean) - z, 0.0, z)
    return math.copysign(float(shrunk) * se, difference)
