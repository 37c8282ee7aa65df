"""Tests between a control and a treatment, every one of them told as an effect with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from vibrator.errors import BadInput
from vibrator.stats.aggregates import Aggregates, Sample, numbers
from vibrator.stats.intervals import Interval, newcombe, share_of, wilson, z_of
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

EXACT_RANKS = 25  # up to this many units an arm, the exact distribution of ranks is used


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(Row):
    """How far the treatment lies from the control, and how sure that is.

    `relative` is the interval of treatment/control − 1, where both means are positive.
    """

    method: str
    control: float
    treatment: float
    difference: float
    interval: Interval
    pvalue: float
    statistic: float
    se: float
    df: float = math.inf
    relative: Interval | None = None

    def at(self, level: float) -> Interval:
        """The interval of the difference at another confidence level, by its own t or z."""
        half = self.se * t_quantile(level, self.df)
        return Interval(self.difference - half, self.difference + half)


@dataclass(frozen=True, slots=True)
class Test(Row):
    """A test that answers with a p-value only."""

    __test__ = False  # not a test of pytest's

    method: str
    statistic: float
    pvalue: float


def welch(control: Sample, treatment: Sample, *, level: float = 0.95) -> Effect:
    """Welch's t-test: unequal variances, Satterthwaite's degrees of freedom.

    >>> welch(Sample(1.0, 4.0, 100), Sample(2.0, 4.0, 100)).difference
    1.0
    """
    se2 = control.se2 + treatment.se2
    _require_variation(se2)
    df = se2**2 / (control.se2**2 / (control.count - 1) + treatment.se2**2 / (treatment.count - 1))
    return _mean_effect("welch", control, treatment, df=df, level=level)


def z_test(control: Sample, treatment: Sample, *, level: float = 0.95) -> Effect:
    """The same by the normal distribution, for estimates whose error is asymptotic."""
    _require_variation(control.se2 + treatment.se2)
    return _mean_effect("z", control, treatment, df=math.inf, level=level)


def paired(control: ArrayLike, treatment: ArrayLike, *, level: float = 0.95) -> Effect:
    """The t-test of per-pair differences: row i of both arms is the same pair."""
    before, after = numbers("control", control), numbers("treatment", treatment)
    if len(before) != len(after):
        raise BadInput(f"pairs need both halves, got {len(before)} and {len(after)} values")
    differences = Sample.of(after - before)
    _require_variation(differences.se2)
    se, df = math.sqrt(differences.se2), differences.count - 1.0
    half = se * t_quantile(level, df)
    return Effect(
        method="paired",
        control=float(before.mean()),
        treatment=float(after.mean()),
        difference=differences.mean,
        interval=Interval(differences.mean - half, differences.mean + half),
        pvalue=t_pvalue(differences.mean / se, df),
        statistic=differences.mean / se,
        se=se,
        df=df,
    )


def proportions(
    control: tuple[float, float],
    treatment: tuple[float, float],
    *,
    pooled: bool = True,
    level: float = 0.95,
) -> Effect:
    """Two shares, (successes, count) each: the z-test, and Newcombe's interval.

    Arms in which nothing varied (no event at all) still have that interval; the error is then read
    back from its width, so that many units without an event say more than few.

    >>> proportions((0, 50), (0, 50)).pvalue, print(proportions((0, 50), (0, 50)).interval)
    low -0.07135  high 0.07135
    (1.0, None)
    """
    p, q = share_of(*control), share_of(*treatment)
    n, m = control[1], treatment[1]
    both = (control[0] + treatment[0]) / (n + m)
    se2 = both * (1 - both) * (1 / n + 1 / m) if pooled else p * (1 - p) / n + q * (1 - q) / m
    interval = newcombe(control, treatment, level=level)
    se = math.sqrt(se2) if se2 > 0 else interval.width / (2 * z_of(level))
    return Effect(
        method="proportions",
        control=p,
        treatment=q,
        difference=q - p,
        interval=interval,
        pvalue=t_pvalue((q - p) / se, math.inf),
        statistic=(q - p) / se,
        se=se,
        relative=_relative((p, p * (1 - p) / n), (q, q * (1 - q) / m), z_of(level)),
    )


def ratio(
    control: Aggregates,
    treatment: Aggregates,
    *,
    numerator: str,
    denominator: str,
    level: float = 0.95,
) -> Effect:
    """A ratio of means (clicks a view, or a mean over units that come in clusters): delta method.

    For clustered units aggregate one row a cluster: its sum and its size.
    """
    return welch(
        control.ratio(numerator, denominator), treatment.ratio(numerator, denominator), level=level
    )


def fisher(control: tuple[int, int], treatment: tuple[int, int]) -> Test:
    """Fisher's exact test of two shares, (successes, count) each."""
    rows = [(hits, count - hits) for hits, count in (control, treatment)]
    odds, pvalue = stats.fisher_exact(rows[::-1])
    return Test("fisher", float(odds), float(pvalue))


def mcnemar(only_control: int, only_treatment: int) -> Test:
    """The exact test of paired yes-no answers, from the pairs that disagree."""
    if only_control < 0 or only_treatment < 0 or only_control + only_treatment == 0:
        raise BadInput(
            f"McNemar needs pairs that disagree, got {only_control} and {only_treatment}"
        )
    pvalue = stats.binomtest(only_control, only_control + only_treatment).pvalue
    return Test("mcnemar", float(only_treatment - only_control), float(pvalue))


def mann_whitney(control: ArrayLike, treatment: ArrayLike) -> Test:
    """The rank test; U counts the pairs that the treatment wins, ties half."""
    a, b = numbers("control", control), numbers("treatment", treatment)
    if not len(a) or not len(b):
        raise BadInput(f"both arms need values, got {len(a)} and {len(b)}")
    method = "exact" if max(len(a), len(b)) <= EXACT_RANKS else "asymptotic"
    u, pvalue = stats.mannwhitneyu(b, a, method=method)
    return Test("mann-whitney", float(u), float(pvalue))


def superiority(control: ArrayLike, treatment: ArrayLike, *, level: float = 0.95) -> Effect:
    """How often the treatment beats the control, over one half, with the rank test's p-value.

    The error is that of the placements (DeLong et al. 1988), so the interval needs no shape. Where
    they do not vary (the arms do not overlap), its upper bound θ(1 − θ)/min(n, m) (van Dantzig
    1951) stands in for it: Wilson's interval of a share among the smaller arm's units.
    """
    a, b = numbers("control", control), numbers("treatment", treatment)
    if min(len(a), len(b)) < 2:
        raise BadInput(f"both arms need 2 values, got {len(a)} and {len(b)}")
    ranks = stats.rankdata(np.concatenate([a, b]))
    above = (ranks[len(a) :] - stats.rankdata(b)) / len(a)  # share of a below each b, ties half
    below = 1 - (ranks[: len(a)] - stats.rankdata(a)) / len(b)
    share = float(above.mean())
    se = math.sqrt(above.var(ddof=1) / len(b) + below.var(ddof=1) / len(a))
    interval = Interval(share - z_of(level) * se, share + z_of(level) * se)
    if not se > 0:
        fewest = min(len(a), len(b))
        interval = wilson(share * fewest, fewest, level=level)
        se = interval.width / (2 * z_of(level))
    test = mann_whitney(a, b)
    return Effect(
        method="mann-whitney",
        control=0.5,
        treatment=share,
        difference=share - 0.5,
        interval=interval.shift(-0.5),
        pvalue=test.pvalue,
        statistic=test.statistic,
        se=se,
    )


def t_quantile(level: float, df: float) -> float:
    """The two-sided quantile of t, of the normal where df is infinite."""
    return z_of(level) if math.isinf(df) else float(stats.t.isf((1 - level) / 2, df))


def t_pvalue(statistic: float, df: float) -> float:
    """The two-sided p-value of t, of the normal where df is infinite."""
    law = stats.norm if math.isinf(df) else stats.t(df)
    return float(2 * law.sf(abs(statistic)))


def _mean_effect(
    method: str, control: Sample, treatment: Sample, *, df: float, level: float
) -> Effect:
    difference = treatment.mean - control.mean
    se, quantile = math.sqrt(control.se2 + treatment.se2), t_quantile(level, df)
    return Effect(
        method=method,
        control=control.mean,
        treatment=treatment.mean,
        difference=difference,
        interval=Interval(difference - quantile * se, difference + quantile * se),
        pvalue=t_pvalue(difference / se, df),
        statistic=difference / se,
        se=se,
        df=df,
        relative=_relative((control.mean, control.se2), (treatment.mean, treatment.se2), quantile),
    )


def _relative(
    control: tuple[float, float], treatment: tuple[float, float], quantile: float
) -> Interval | None:
    """exp(log(b/a) ± q·√(se_a²/a² + se_b²/b²)) − 1."""
    (a, se2_a), (b, se2_b) = control, treatment
    if a <= 0 or b <= 0:
        return None
    half = quantile * math.sqrt(se2_a / a**2 + se2_b / b**2)
    return Interval(*(float(np.expm1(math.log(b / a) + sign * half)) for sign in (-1, 1)))


def _require_variation(se2: float) -> None:
    if not se2 > 0:
        raise BadInput("a test needs values that vary in at least one arm, got only equal ones")
