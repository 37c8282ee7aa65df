"""Did the units arrive in the shares that were planned? The first question to any experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln
from scipy.stats import chi2

from vibrator.checks import require_count
from vibrator.errors import BadInput
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

ALARM, WARNING = 0.001, 0.01  # p-values below which the split is not what was planned, or doubtful
PRIOR_STRENGTH = 1e4  # units the plan itself is worth to the sequential check


@dataclass(frozen=True, slots=True)
class SampleRatio(Row):
    """χ² of the split with its p-value, and the p-value that may be read at every unit.

    The first holds for as many looks at the split as `looks` says (each is paid for: Bonferroni),
    the second for any number of them.
    """

    statistic: float
    pvalue: float
    sequential_pvalue: float
    looks: int = 1

    @property
    def severity(self) -> str:
        """`fine`, `warning` or `alarm`, by either p-value; an alarm means: read no result."""
        pvalue = min(self.pvalue * self.looks, self.sequential_pvalue)
        if pvalue < ALARM:
            return "alarm"
        return "warning" if pvalue < WARNING else "fine"


def sample_ratio(
    counts: Sequence[float], weights: Sequence[float] | None = None, *, looks: int = 1
) -> SampleRatio:
    """Compare how many units every arm got with the weights of the plan; none means equal ones.

    >>> sample_ratio([5021, 4712]).severity, sample_ratio([5021, 4712], looks=9).severity
    ('warning', 'fine')
    """
    seen, shares = _checked(counts, weights)
    expected = shares * seen.sum()
    statistic = float(((seen - expected) ** 2 / expected).sum())
    return SampleRatio(
        statistic,
        float(chi2.sf(statistic, len(seen) - 1)),
        math.exp(-max(log_bayes_factor(counts, weights), 0.0)),
        require_count("looks", looks),
    )


def running_split(
    arms: ArrayLike,
    weights: Sequence[float] | None = None,
    *,
    strength: float = PRIOR_STRENGTH,
) -> Floats:
    """The always-valid p-value of the split after every unit, `arms` being 0, 1, … as they came.

    p_t = min over s ≤ t of 1/BF_s, the Bayes factor of `log_bayes_factor` grown unit by unit: the
    predicted chance of the arm that came, over its planned share.

    >>> running_split([0] * 300, strength=100)[[0, -1]].round(4)
    array([1., 0.])
    """
    came = np.asarray(arms)
    count = 2 if weights is None else len(weights)
    _, shares = _checked([1] * count, weights)
    if came.ndim != 1 or came.dtype.kind not in "iu" or not ((came >= 0) & (came < count)).all():
        raise BadInput(f"arms must be whole numbers from 0 to {count - 1}, one a unit")
    mine = came[:, None] == np.arange(count)
    before = np.cumsum(mine, axis=0) - mine  # units of every arm that had come earlier
    predicted = (strength * shares + before) / (strength + np.arange(len(came)))[:, None]
    gained = np.log(predicted / shares)[np.arange(len(came)), came]
    highest = np.maximum.accumulate(np.cumsum(gained))
    return np.asarray(np.exp(-np.maximum(highest, 0.0)))


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
