"""Bayesian answers: how likely the treatment is better, and what choosing wrongly would cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from vibrator.checks import require_finite, require_positive
from vibrator.stats.intervals import Interval, share_of, z_of
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PANEL_LEVELS = (1e-13, 1e-6, 1e-3, 0.05, 0.25, 0.5, 0.75, 0.95, 1 - 1e-3, 1 - 1e-6, 1 - 1e-13)
NODES = 24  # Gauss-Legendre nodes a panel


@dataclass(frozen=True, slots=True)
class Belief(Row):
    """The posterior of a difference; a loss is what choosing that arm costs on average."""

    better: float  # probability that the treatment is better
    mean: float
    sd: float
    loss_treatment: float
    loss_control: float

    def interval(self, level: float = 0.95) -> Interval:
        """The central credible interval, by the normal."""
        return Interval(self.mean - z_of(level) * self.sd, self.mean + z_of(level) * self.sd)


def beta_belief(
    control: tuple[float, float],
    treatment: tuple[float, float],
    *,
    prior: tuple[float, float] = (1.0, 1.0),
) -> Belief:
    """Two shares, (successes, count) each, under one Beta prior.

    >>> round(beta_belief((5, 10), (5, 10)).better, 12)
    0.5
    """
    alpha, beta = (require_positive("prior", value) for value in prior)
    for arm in (control, treatment):
        share_of(*arm)
    a, b = (stats.beta(alpha + hits, beta + count - hits) for hits, count in (control, treatment))
    x, weights = _panels(a, b)
    return Belief(
        better=float(weights @ (b.pdf(x) * a.cdf(x))),
        mean=float(b.mean() - a.mean()),
        sd=math.sqrt(a.var() + b.var()),
        loss_treatment=float(weights @ (b.cdf(x) * a.sf(x))),  # E max(A − B, 0) = ∫ F_B (1 − F_A)
        loss_control=float(weights @ (a.cdf(x) * b.sf(x))),
    )


def normal_belief(
    difference: float, se: float, *, prior_mean: float = 0.0, prior_sd: float = 1.0
) -> Belief:
    """A difference with its standard error under a normal prior.

    >>> normal_belief(0.0, 1.0).better
    0.5
    """
    noise = require_positive("se", se) ** 2
    prior = require_positive("prior_sd", prior_sd) ** 2
    var = 1 / (1 / noise + 1 / prior)
    mean = var * (require_finite("difference", difference) / noise + prior_mean / prior)
    sd = math.sqrt(var)
    return Belief(
        better=float(stats.norm.cdf(mean / sd)),
        mean=mean,
        sd=sd,
        loss_treatment=_expected_excess(-mean, sd),
        loss_control=_expected_excess(mean, sd),
    )


def _expected_excess(mean: float, sd: float) -> float:
    """E max(X, 0) for a normal X."""
    z = mean / sd
    return float(mean * stats.norm.cdf(z) + sd * stats.norm.pdf(z))


def _panels(*laws: stats.rv_continuous) -> tuple[Floats, Floats]:
    """Nodes and weights on panels between the quantiles of the laws, however narrow they are."""
    edges = np.unique(np.concatenate([[0.0, 1.0], *(law.ppf(PANEL_LEVELS) for law in laws)]))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()
