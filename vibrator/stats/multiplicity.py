"""Many questions at once: adjusted p-values for a family, online FDR for a stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vibrator.checks import require_share
from vibrator.errors import BadInput, UnknownName
from vibrator.stats.aggregates import numbers
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

HORIZON = 100_000  # tests over which the weights of online FDR are normalised


def adjust(pvalues: ArrayLike, *, method: str = "holm") -> Floats:
    """Adjusted p-values, in the order given; compare them with the level itself.

    >>> adjust([0.01, 0.04, 0.03], method="holm")
    array([0.03, 0.06, 0.06])
    """
    if method not in METHODS:
        raise UnknownName(f"no method {method!r}; there are {sorted(METHODS)}")
    p = numbers("pvalues", pvalues)
    if not len(p):
        return p
    if p.min() < 0 or p.max() > 1:
        raise BadInput(f"pvalues must lie from 0 to 1, got {p.min()} to {p.max()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(METHODS[method](p[order]), 1.0)
    return adjusted


def _bonferroni(p: Floats) -> Floats:
    return np.asarray(p * len(p))


def _holm(p: Floats) -> Floats:
    return np.asarray(np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


def _benjamini_hochberg(p: Floats) -> Floats:
    scaled = p * len(p) / np.arange(1, len(p) + 1)
    return np.asarray(np.minimum.accumulate(scaled[::-1])[::-1])


def _benjamini_yekutieli(p: Floats) -> Floats:
    return np.asarray(_benjamini_hochberg(p) * (1 / np.arange(1, len(p) + 1)).sum())


def _hommel(p: Floats) -> Floats:
    """Hommel (1988), by the adjustment of Wright (1992)."""
    n = len(p)
    adjusted: Floats = np.full(n, (n * p / np.arange(1, n + 1)).min())
    for m in range(n - 1, 1, -1):
        tail = np.arange(n - m + 1, n)
        least = (m * p[tail] / np.arange(2, m + 1)).min()
        head = np.minimum(least, m * p[: n - m + 1])
        adjusted = np.maximum(adjusted, np.concatenate([head, np.full(m - 1, least)]))
    return np.asarray(np.maximum(adjusted, p))


METHODS: dict[str, Callable[[Floats], Floats]] = {
    "bonferroni": _bonferroni,
    "holm": _holm,
    "hommel": _hommel,
    "bh": _benjamini_hochberg,
    "by": _benjamini_yekutieli,
}


@dataclass(frozen=True, slots=True)
class OnlineFdr(Row):
    """The false discovery rate over a stream of tests, by LORD++ (Ramdas et al. 2017).

    Each test spends a level that shrinks with time and recovers after every discovery; `learn`
    gives the next state, so that a program of experiments can be replayed.

    >>> first = OnlineFdr(alpha=0.05)
    >>> first.level < 0.05, first.learn(1e-6).level > first.learn(0.5).level
    (True, True)
    """

    alpha: float = 0.05
    tests: int = 0
    discoveries: tuple[int, ...] = ()  # at which tests, counted from 1

    def __post_init__(self) -> None:
        if not 0 < require_share("alpha", self.alpha) < 1:
            raise BadInput(f"alpha must lie between 0 and 1, got {self.alpha}")

    @property
    def level(self) -> float:
        """The level at which the next test counts as a discovery."""
        now, start = self.tests + 1, self.alpha / 2
        earned = start * _weight(now)
        for place, when in enumerate(self.discoveries):
            earned += (self.alpha - start if place == 0 else self.alpha) * _weight(now - when)
        return earned

    def learn(self, pvalue: float) -> OnlineFdr:
        """The state after one more test."""
        found = require_share("pvalue", pvalue) <= self.level
        now = self.tests + 1
        return replace(self, tests=now, discoveries=self.discoveries + (now,) * found)


def _weight(age: int) -> float:
    """γ_j ∝ log(max(j, 2)) / (j·exp(√log j)), summing to one over the horizon."""
    return _raw_weight(age) / _weight_sum() if age <= HORIZON else 0.0


def _raw_weight(age: int) -> float:
    return math.log(max(age, 2)) / (age * math.exp(math.sqrt(math.log(age))))


@lru_cache(maxsize=1)
def _weight_sum() -> float:
    return sum(_raw_weight(age) for age in range(1, HORIZON + 1))
