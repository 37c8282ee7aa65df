"""A probability without labels: a prior moved by evidence, with constants that were fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Values = TypeVar("Values", float, "Floats")

KNEE_WIDTH = 0.03  # of the smooth turn at the knee, in units of cosine
LARGEST_EXPONENT = 700.0  # of e, in a float
Z90 = 1.6448536269514722  # standard normal quantile of 0.95: the ends of a 90 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShot:
    """p = P(the content belongs to the slider) · P(this person likes it, now).

    belongs = σ(logit(prior) + shift + item · above − elsewhere · the largest above of the other
    sliders), where above = max(0, f_item − knee) with a smooth turn: below the knee unrelated
    texts are found as well, and a content that clearly belongs to one slider is less likely to
    belong to another.
    likes = σ(lean + alignment · trust · f_alignment), with trust = e/(e + half_trust): an unknown
    person (evidence e = 0) is judged by the content and the prior alone.
    The spread of the logit, half a 90 % interval over 1.645, shrinks from `spread_unknown` to
    `spread_known` with the same trust. `scripts/fit_zero_shot.py` fitted the constants on
    MovieLens 100K; docs/scoring.md shows how reliable they are on another set.
    """

    shift: float = 1.03
    item: float = 34.44
    elsewhere: float = 9.23
    knee: float = 0.26
    lean: float = -0.61
    alignment: float = 3.81
    half_trust: float = 1.0
    spread_known: float = 0.70
    spread_unknown: float = 0.82

    def belongs(self, likeness: Any, prior_logits: Any) -> Floats:
        """Chance that contents belong to sliders, by their likeness; sliders on the last axis."""
        above = KNEE_WIDTH * np.logaddexp(0.0, (likeness - self.knee) / KNEE_WIDTH)
        for_it = self.item * above - self.elsewhere * largest_of_the_others(above)
        return sigmoid(prior_logits + self.shift + for_it)

    def likes(self, alignment: Any, evidence: Any) -> Any:
        """Chance that a person likes a content, from its alignment with what they did."""
        slope = np.asarray(self.alignment * self.trust(evidence), dtype=alignment.dtype)
        with np.errstate(over="ignore"):  # e^huge is infinite, and its reciprocal rightly 0
            against = np.exp(-slope * alignment - self.lean)
        against += 1.0
        return np.reciprocal(against)

    def likes_one(self, alignment: float, evidence: float) -> float:
        """The same for one pair, without the price of an array."""
        against = -self.lean - self.alignment * self.trust(evidence) * alignment
        return 1.0 / (1.0 + math.exp(against)) if against < LARGEST_EXPONENT else 0.0

    def trust(self, evidence: Any) -> Any:
        """How much of the person counts, from 0 (unknown) towards 1."""
        return evidence / (evidence + self.half_trust)

    def spread(self, evidence: Any) -> Any:
        """Standard deviation of the logit."""
        unknown = 1.0 - self.trust(evidence)
        return self.spread_known + (self.spread_unknown - self.spread_known) * unknown


def largest_of_the_others(values: Floats) -> Floats:
    """For each entry the largest of the others along the last axis, 0 where there are none.

    >>> largest_of_the_others(np.array([1.0, 3.0, 2.0]))
    array([3., 2., 3.])
    """
    if values.shape[-1] == 1:
        return np.zeros_like(values)
    top = np.partition(values, -2, axis=-1)[..., -2:]
    return np.where(values == top[..., 1:], top[..., :1], top[..., 1:])


def interval(probabilities: Values, reach: float) -> tuple[Values, Values]:
    """The interval around probabilities, an array or one, that reaches so far in the logit.

    >>> interval(np.array([0.5]), 0.0)
    (array([0.5]), array([0.5]))
    >>> interval(np.array([1.0]), 3.0)
    (array([1.]), array([1.]))
    """
    against, widened = 1.0 - probabilities, math.exp(reach)
    low = probabilities / (probabilities + against * widened)
    high = probabilities / (probabilities + against / widened)
    return low, high


def intervals_of_few(probabilities: list[float], reach: float) -> list[tuple[float, float, float]]:
    """Each with the ends of its interval, without the price of arrays.

    >>> intervals_of_few([0.5], 0.0)
    [(0.5, 0.5, 0.5)]
    """
    widened = math.exp(reach)
    return [
        (p, p / (p + (1.0 - p) * widened), p / (p + (1.0 - p) / widened)) for p in probabilities
    ]
