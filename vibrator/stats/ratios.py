"""Did the units arrive in the shares that were planned? The first question to any experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import chi2

from vibrator.errors import BadInput
from vibrator.stats.rows import Row

ALARM, WARNING = 0.001, 0.01  # p-values below which the split is not what was planned, or doubtful
PRIOR_STRENGTH = 1e4  # units the plan itself is worth to the sequential check


@dataclass(frozen=True, slots=True)
class SampleRatio(Row):
    """χ² of the split with its p-value, and the p-value that may be read at every unit."""

    statistic: float
    pvalue: float
    sequential_pvalue: float

    @property
    def severity(self) -> str:
        """`fine`, `warning` or `alarm`; an alarm means that no result may be read."""
        if self.pvalue < ALARM:
            return "alarm"
        return "warning" if self.pvalue < WARNING else "fine"


def sample_ratio(counts: Sequence[float], weights: Sequence[float] | None = None) -> SampleRatio:
    """Compare how many units every arm got with the weights of the plan; none means equal ones.

    >>> sample_ratio([5021, 4712]).severity, sample_ratio([5021, 4980]).severity
    ('warning', 'fine')
    """
    seen, shares = _checked(counts, weights)
    expected = shares * seen.sum()
    statistic = float(((seen - expected) ** 2 / expected).sum())
    return SampleRatio(
        statistic,
        float(chi2.sf(statistic, len(seen) - 1)),
        math.exp(-max(log_bayes_factor(counts, weights), 0.0)),
    )


def log_bayes_factor(
    counts: Sequence[float],
    weights: Sequence[float] | None = None,
    *,
    strength: float = PRIOR_STRENGTH,
) -> float:
    """Log of the evidence against the plan: Dirichlet(strength · weights) against the weights.

    The reciprocal of its running maximum is an always-valid p-value (Lindon and Malek 2022).
    """
    seen, shares = _checked(counts, weights)
    prior = strength * shares
    gained = gammaln(prior + seen) - gammaln(prior) - seen * np.log(shares)
    return float(gained.sum() + gammaln(strength) - gammaln(strength + seen.sum()))


def _checked(
    counts: Sequence[float], weights: Sequence[float] | None
) -> tuple[np.ndarray, np.ndarray]:
    seen = np.asarray(counts, dtype=float)
    shares = np.ones(len(seen)) if weights is None else np.asarray(weights, dtype=float)
    if len(seen) < 2 or len(shares) != len(seen):
        raise BadInput(f"a split needs 2 arms and a weight each, got {counts} and {weights}")
    if not (seen >= 0).all() or not seen.sum() > 0:
        raise BadInput(f"counts must not be negative, and not all zero, got {counts}")
    if not (np.isfinite(shares) & (shares > 0)).all():
        raise BadInput(f"weights must be positive, got {weights}")
    return seen, shares / shares.sum()
