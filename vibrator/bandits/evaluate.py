"""Off-policy evaluation with intervals and diagnostics, refused where the log cannot answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.bandits.estimators import (
    ESTIMATORS,
    UNBIASED,
    Parts,
    Rounds,
    estimator,
    rounds,
)
from vibrator.bandits.logs import BanditLog, checked_target
from vibrator.bandits.reward_model import cross_fitted_rewards
from vibrator.errors import BadInput, UnknownName
from vibrator.stats.intervals import Interval, z_of
from vibrator.stats.rows import Row
from vibrator.stats.sequential import asymptotic_half_width, best_rho2, empirical_bernstein
from vibrator.vectors import blocks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

MISSING_TOLERATED = 1e-3  # share of the target's choices that the log may lack
FEWEST_EFFECTIVE = 30.0  # effective decisions below which no weighted mean means anything
WEIGHT_DEVIATION = 4.0  # standard errors by which weights may miss their mean of one
RESAMPLES = 1000
TUNED_FOR = 1000.0  # decisions at which the anytime interval is narrowest


@dataclass(frozen=True, slots=True)
class Overlap(Row):
    """How far the log can speak for the target policy.

    `effective` is (Σw)²/Σw², `heaviest` the share of all weight on the heaviest percent of the
    decisions, `missing` the share of the target's choices on arms that the log never takes,
    `rewards_vary` whether the decisions with any weight earned more than one reward.
    """

    decisions: int
    effective: float
    mean_weight: float
    largest_weight: float
    heaviest: float
    missing: float
    mean_weight_error: float
    rewards_vary: bool

    @property
    def unanswerable(self) -> str:
        """Why nobody can say, or nothing."""
        if self.missing > MISSING_TOLERATED:
            return f"the log never takes {self.missing:.1%} of what the target would choose"
        return ""

    @property
    def unreliable(self) -> str:
        """Why weights do not help, or nothing."""
        if self.unanswerable:
            return self.unanswerable
        if self.effective < FEWEST_EFFECTIVE:
            return f"only {self.effective:.1f} effective decisions of {self.decisions}"
        if abs(self.mean_weight - 1.0) > WEIGHT_DEVIATION * self.mean_weight_error + 1e-9:
            return f"weights average {self.mean_weight:.3f}, not 1: propensities or support are off"
        if not self.rewards_vary:
            return "all that the target would do too earned the same: nothing shows the error"
        return ""


@dataclass(frozen=True, slots=True)
class PolicyValue(Row):
    """What one estimator says, or why it does not."""

    estimator: str
    value: float | None
    low: float | None
    high: float | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All estimators on one log and one target, with the mean reward that the log itself earned."""

    logged: float
    overlap: Overlap
    values: tuple[PolicyValue, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row an estimator."""
        return [value.row() for value in self.values]


def overlap(log: BanditLog, target: ArrayLike) -> Overlap:
    """The diagnostics of the weights, before any estimate."""
    pi = checked_target(target, (len(log), len(log.names)))
    w = rounds(log, pi).weights
    total, n = w.sum(), len(w)
    heavy = np.sort(w)[-max(1, n // 100) :].sum()
    return Overlap(
        decisions=n,
        effective=float(total**2 / (w**2).sum()) if total else 0.0,
        mean_weight=float(w.mean()),
        largest_weight=float(w.max()),
        heaviest=float(heavy / total) if total else 1.0,
        missing=_missing(log, pi),
        mean_weight_error=float(w.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0,
        rewards_vary=len(np.unique(log.rewards[w > 0])) > 1,
    )


def _missing(log: BanditLog, pi: Floats) -> float:
    if log.behaviour is not None:
        return float((pi * (log.behaviour <= 0)).sum(axis=1).mean())
    never = np.bincount(log.arms, minlength=len(log.names)) == 0
    return float(pi[:, never].sum(axis=1).mean())


def evaluate_policy(
    log: BanditLog,
    target: ArrayLike,
    rng: np.random.Generator,
    *,
    estimators: Sequence[str] = tuple(ESTIMATORS),
    interval: str = "analytic",
    level: float = 0.95,
) -> Evaluation:
    """Every estimator with its interval; a refusal stands where the overlap is missing.

    `interval` is analytic, bootstrap, or anytime (which may be looked at as often as one likes).
    The reward model that dm, dr, … need is fitted here, cross-fitted.
    """
    between = interval_kind(interval)
    pi = checked_target(target, (len(log), len(log.names)))
    over = overlap(log, pi)
    seen = rounds(log, pi, cross_fitted_rewards(log, rng))
    values = tuple(
        _value(name, seen, over, lambda p: between(p, level, rng)) for name in estimators
    )
    return Evaluation(float(log.rewards.mean()), over, values)


def _value(
    name: str, seen: Rounds, over: Overlap, between: Callable[[Parts], Interval]
) -> PolicyValue:
    refusal = over.unreliable if name in UNBIASED else over.unanswerable
    parts_of = estimator(name)
    if refusal:
        return PolicyValue(name, None, None, None, refusal)
    parts = parts_of(seen)
    ends = between(parts)
    return PolicyValue(name, parts.value, ends.low, ends.high)


def policy_value(
    log: BanditLog,
    target: ArrayLike,
    rng: np.random.Generator,
    *,
    name: str = "dr",
    interval: str = "analytic",
    level: float = 0.95,
) -> PolicyValue:
    """One estimator's value, or the refusal raised."""
    value = evaluate_policy(
        log, target, rng, estimators=[name], interval=interval, level=level
    ).values[0]
    if value.refusal:
        raise BadInput(f"{name} cannot be computed honestly: {value.refusal}")
    return value


def analytic_interval(parts: Parts, level: float = 0.95, _rng: Any = None) -> Interval:
    """Normal, from the spread of the terms."""
    return _around(parts, z_of(level) * parts.terms.std(ddof=1) / np.sqrt(len(parts.direct)))


def bootstrap_interval(parts: Parts, level: float, rng: np.random.Generator) -> Interval:
    """Percentiles of resampled logs: each decision counts Poisson(1) times."""
    n = len(parts.direct)
    columns = np.column_stack([parts.direct, parts.correction, parts.normaliser, np.ones(n)])
    sums = np.empty((RESAMPLES, 4))
    for part in blocks(RESAMPLES, max(1, 2_000_000 // n)):
        counts = rng.poisson(1.0, size=(part.stop - part.start, n)).astype(np.float64)
        sums[part] = counts @ columns
    values = sums[:, 0] / sums[:, 3] + sums[:, 1] / sums[:, 2]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def anytime_interval(parts: Parts, level: float = 0.95, _rng: Any = None) -> Interval:
    """An asymptotic confidence sequence at its present length."""
    rho2 = best_rho2(TUNED_FOR, alpha=1 - level)
    spread, n = parts.terms.std(ddof=1), len(parts.direct)
    return _around(parts, float(asymptotic_half_width(spread, n, rho2=rho2, alpha=1 - level)))


def bounded_sequence(
    terms: ArrayLike, *, low: float, high: float, level: float = 0.95
) -> tuple[Floats, Floats]:
    """A confidence sequence that holds at every length exactly, for terms within known bounds.

    For IPS the bounds are the largest weight times the extreme rewards.
    """
    if not low < high:
        raise BadInput(f"bounds must rise, got {low!r} and {high!r}")
    scaled = (np.asarray(terms, dtype=np.float64) - low) / (high - low)
    below, above = empirical_bernstein(scaled, alpha=1 - level)
    return low + (high - low) * below, low + (high - low) * above


INTERVALS: dict[str, Callable[..., Interval]] = {
    "analytic": analytic_interval,
    "bootstrap": bootstrap_interval,
    "anytime": anytime_interval,
}


def interval_kind(name: str) -> Callable[..., Interval]:
    """The interval of that name."""
    if name not in INTERVALS:
        raise UnknownName(f"no interval {name!r}; known: {list(INTERVALS)}")
    return INTERVALS[name]


def _around(parts: Parts, half: float) -> Interval:
    value = parts.value
    return Interval(value - float(half), value + float(half))
