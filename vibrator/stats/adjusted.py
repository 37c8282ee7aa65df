"""Regression adjustment: what a covariate from before the experiment explains is taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput
from vibrator.stats.aggregates import Aggregates, Sample, numbers
from vibrator.stats.intervals import Interval, z_of
from vibrator.stats.rows import Row
from vibrator.stats.tests import Effect, t_pvalue, welch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Terms = tuple[str, str | None]  # a column, or the ratio of two


@dataclass(frozen=True, slots=True)
class Cuped(Row):
    """An adjusted effect, the slope that was used and the share of variance it took away."""

    effect: Effect
    theta: float
    variance_reduction: float


def cuped(
    control: Aggregates,
    treatment: Aggregates,
    *,
    metric: str | Terms,
    covariate: str | Terms,
    level: float = 0.95,
) -> Cuped:
    """CUPED with one slope θ = cov(y, x) / var(x) over both arms together, then Welch.

    Metric and covariate may be ratios, given as (numerator, denominator).
    """
    y, x = _terms(metric), _terms(covariate)
    total = control + treatment
    spread = total.ratio_cov(x, x)
    if not spread > 0:
        raise BadInput(f"the covariate {covariate!r} must vary, got one value only")
    theta = total.ratio_cov(y, x) / spread
    centre = total.ratio_mean(*x)
    arms = [_adjusted(arm, y, x, theta, centre) for arm in (control, treatment)]
    whole = total.ratio_cov(y, y)
    return Cuped(
        effect=welch(*arms, level=level),
        theta=theta,
        variance_reduction=theta * theta * spread / whole if whole > 0 else 0.0,
    )


def lin(
    control: tuple[ArrayLike, ArrayLike],
    treatment: tuple[ArrayLike, ArrayLike],
    *,
    level: float = 0.95,
) -> Effect:
    """Lin's (2013) regression on arm, centred covariate and both, with HC3 errors.

    Each arm is (metric, covariate). Arm-specific slopes make the adjustment harmless even where
    the covariate works differently in the two arms.
    """
    (y0, x0), (y1, x1) = (
        (numbers("metric", y), numbers("covariate", x)) for y, x in (control, treatment)
    )
    arm = np.repeat([0.0, 1.0], [len(y0), len(y1)])
    y, x = np.concatenate([y0, y1]), np.concatenate([x0, x1])
    if len(x) != len(y) or min(len(y0), len(y1)) < 3:
        raise BadInput(f"both arms need 3 rows of metric and covariate, got {len(y0)}, {len(y1)}")
    centred = x - x.mean()
    design = np.column_stack([np.ones_like(arm), arm, centred, arm * centred])
    slopes, cov = _ols_hc3(design, y)
    difference, se = float(slopes[1]), math.sqrt(float(cov[1, 1]))
    half = z_of(level) * se
    return Effect(
        method="lin",
        control=float(slopes[0]),
        treatment=float(slopes[0] + slopes[1]),
        difference=difference,
        interval=Interval(difference - half, difference + half),
        pvalue=t_pvalue(difference / se, math.inf),
        statistic=difference / se,
        se=se,
    )


def _ols_hc3(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """β = (XᵀX)⁻¹Xᵀy and the HC3 sandwich, residuals divided by 1 − leverage."""
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise BadInput("the covariate must vary in both arms, got one value only")
    bread = np.linalg.inv(X.T @ X)
    slopes = bread @ (X.T @ y)
    leverage = np.einsum("ij,jk,ik->i", X, bread, X, optimize=True)
    residuals = (y - X @ slopes) / (1 - leverage)
    meat = X.T @ (X * (residuals**2)[:, None])
    return slopes, bread @ meat @ bread


def _adjusted(arm: Aggregates, y: Terms, x: Terms, theta: float, centre: float) -> Sample:
    mean = arm.ratio_mean(*y) - theta * (arm.ratio_mean(*x) - centre)
    var = arm.ratio_cov(y, y) - 2 * theta * arm.ratio_cov(y, x) + theta**2 * arm.ratio_cov(x, x)
    return Sample(mean, max(var, 0.0), arm.count)


def _terms(metric: str | Terms) -> Terms:
    return (metric, None) if isinstance(metric, str) else metric
