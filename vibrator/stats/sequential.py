"""Looking more than once: always-valid sequences, and planned looks by group-sequential bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import lambertw, ndtr
from scipy.stats import norm

from vibrator.checks import require_positive, require_share
from vibrator.errors import BadInput
from vibrator.stats.aggregates import Sample, numbers
from vibrator.stats.intervals import Interval
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-13  # a look that may spend less error than this cannot stop anything
FARTHEST = 9.0  # standard errors beyond which no probability is left


def msprt_log_ratio(difference: Any, variance: Any, *, tau2: float = 1.0) -> Any:
    """Log Λ of the mixture SPRT with the mixing law N(0, τ²); V is the difference's variance.

    Λ = √(V/(V+τ²)) · exp(τ²d² / (2V(V+τ²))). Numbers and arrays alike.
    """
    require_positive("tau2", tau2)
    d, V = np.asarray(difference, dtype=float), np.asarray(variance, dtype=float)
    return 0.5 * np.log(V / (V + tau2)) + tau2 * d**2 / (2 * V * (V + tau2))


def always_valid_p(log_ratios: ArrayLike) -> Floats:
    """p_t = min over s ≤ t of 1/Λ_s, along the last axis: it may be read at any time.

    >>> always_valid_p([0.0, np.log(4.0), 0.0])
    array([1.  , 0.25, 0.25])
    """
    highest = np.maximum.accumulate(np.asarray(log_ratios, dtype=float), axis=-1)
    return np.asarray(np.exp(-np.maximum(highest, 0.0)))


def msprt_half_width(variance: Any, *, tau2: float = 1.0, alpha: float = 0.05) -> Any:
    """Half the width of the always-valid interval: where Λ of the distance would reach 1/α."""
    V = np.asarray(variance, dtype=float)
    log_term = math.log(1 / _error(alpha)) + 0.5 * np.log((V + tau2) / V)
    return np.sqrt(2 * V * (V + tau2) / tau2 * log_term)


@dataclass(frozen=True, slots=True)
class AlwaysValid(Row):
    """A p-value and an interval that hold however often they are looked at."""

    pvalue: float
    interval: Interval


def msprt(
    difference: float, variance: float, *, tau2: float = 1.0, alpha: float = 0.05
) -> AlwaysValid:
    """The mixture SPRT at one moment; over time keep the smallest p-value seen."""
    p = always_valid_p([msprt_log_ratio(difference, variance, tau2=tau2)])[-1]
    half = float(msprt_half_width(variance, tau2=tau2, alpha=alpha))
    return AlwaysValid(float(p), Interval(difference - half, difference + half))


def best_rho2(count: float, *, alpha: float = 0.05) -> float:
    """The ρ² that makes an asymptotic confidence sequence narrowest at `count` units."""
    branch = lambertw(-(_error(alpha) ** 2) * math.exp(-1), -1).real
    return float((-branch - 1) / require_positive("count", count))


def asymptotic_half_width(sd: Any, count: Any, *, rho2: float, alpha: float = 0.05) -> Any:
    """Half the width of the asymptotic confidence sequence of a mean (Waudby-Smith et al. 2024)."""
    t = np.asarray(count, dtype=float)
    inside = (t * rho2 + 1) / (t**2 * rho2) * np.log((t * rho2 + 1) / _error(alpha) ** 2)
    return np.asarray(sd) * np.sqrt(inside)


def asymptotic_interval(
    control: Sample, treatment: Sample, *, tuned_for: float, alpha: float = 0.05
) -> Interval:
    """The confidence sequence of a difference of means, narrowest at `tuned_for` units in all.

    Its coverage holds at every moment at once, so it may be looked at as often as one likes.
    """
    count = control.count + treatment.count
    sd = math.sqrt((control.se2 + treatment.se2) * count)
    half = float(
        asymptotic_half_width(sd, count, rho2=best_rho2(tuned_for, alpha=alpha), alpha=alpha)
    )
    return Interval(-half, half).shift(treatment.mean - control.mean)


def empirical_bernstein(values: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Lower and upper confidence sequence of a mean of values in [0, 1], exact at every length.

    The predictable plug-in of Waudby-Smith and Ramdas (2024). Bets follow a variance that starts
    from a value of ½; what they cost is counted around the plain mean so far, before the first
    value around the end that the side looks away from, so that both sides mirror one another.
    """
    x = numbers("values", values)
    if len(x) and not (x.min() >= 0 and x.max() <= 1):
        raise BadInput(f"values must lie from 0 to 1, got {x.min()} to {x.max()}")
    t = np.arange(1, len(x) + 1)
    spread = _after(0.25, (0.25 + np.cumsum((x - _smoothed(x, t)) ** 2)) / (t + 1))
    bets = np.minimum(np.sqrt(2 * math.log(2 / _error(alpha)) / (spread * t * np.log1p(t))), 0.5)
    price = -np.log1p(-bets) - bets

    def cost(first: float) -> Floats:
        around = _after(first, np.cumsum(x) / t)
        return np.asarray(math.log(2 / alpha) + np.cumsum(price * (x - around) ** 2))

    won, staked = np.cumsum(bets * x), np.cumsum(bets)
    return (won - cost(0.0)) / staked, (won + cost(1.0)) / staked


def _smoothed(x: Floats, t: Any) -> Floats:
    """The mean so far, with one value of ½ before all others."""
    return np.asarray((0.5 + np.cumsum(x)) / (t + 1))


def _after(first: float, values: Floats) -> Floats:
    """What was known before each value: `first`, then all but the last."""
    return np.concatenate([[first], values])[: len(values)]


@dataclass(frozen=True, slots=True)
class Looks:
    """Planned looks: the share of information at each, and the |z| that stops there."""

    fractions: tuple[float, ...]
    bounds: tuple[float, ...]

    def __post_init__(self) -> None:
        rises = all(a < b for a, b in zip(self.fractions, self.fractions[1:], strict=False))
        if not self.fractions or not rises or not 0 < self.fractions[0] <= self.fractions[-1] <= 1:
            raise BadInput(f"looks must rise within (0, 1], got {self.fractions}")
        if len(self.bounds) != len(self.fractions):
            raise BadInput(f"{len(self.fractions)} looks need as many bounds, got {self.bounds}")

    def stopping(self, drift: float = 0.0) -> tuple[float, ...]:
        """The probability to stop at each look, `drift` being the z expected at the end.

        >>> round(sum(obrien_fleming(3).stopping()), 6)
        0.05
        """
        walk = _Walk(drift)
        return tuple(map(walk.step, self.fractions, self.bounds))

    def power(self, drift: float) -> float:
        """The probability that any look stops."""
        return sum(self.stopping(drift))


@lru_cache(maxsize=256)
def obrien_fleming(looks: int, *, alpha: float = 0.05) -> Looks:
    """O'Brien-Fleming at equal steps: nearly the fixed test at the end, strict before it.

    >>> [round(bound, 2) for bound in obrien_fleming(5).bounds]
    [4.56, 3.23, 2.63, 2.28, 2.04]
    """
    return _equal_steps(looks, alpha, lambda fraction: 1 / math.sqrt(fraction))


@lru_cache(maxsize=256)
def pocock(looks: int, *, alpha: float = 0.05) -> Looks:
    """Pocock: the same bound at every look."""
    return _equal_steps(looks, alpha, lambda _: 1.0)


def obrien_fleming_spending(fraction: float, *, alpha: float = 0.05) -> float:
    """The error both sides spent until a share of information: 4 − 4Φ(z_{α/4}/√t)."""
    return float(4 * norm.sf(norm.isf(_error(alpha) / 4) / math.sqrt(fraction)))


def lan_demets(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    spending: Callable[..., float] = obrien_fleming_spending,
    kept: Sequence[float] = (),
) -> Looks:
    """Bounds for looks nobody planned: each spends what the spending function allows by then.

    `kept` are bounds that the first looks had from elsewhere; what those spent is gone.

    >>> looks = lan_demets((0.25, 0.4, 1.0), kept=obrien_fleming(4).bounds[:1])
    >>> round(sum(looks.stopping()), 6)
    0.05
    """
    Looks(tuple(fractions), tuple(fractions))  # refuses fractions that do not rise
    walk, bounds = _Walk(0.0), list(kept)
    spent = sum(map(walk.step, fractions, kept))
    for fraction in fractions[len(bounds) :]:
        allowed = max(spending(fraction, alpha=alpha), spent)
        bounds.append(walk.bound_for(fraction, allowed - spent))
        walk.step(fraction, bounds[-1])
        spent = allowed
    return Looks(tuple(fractions), tuple(bounds))


def _equal_steps(looks: int, alpha: float, shape: Callable[[float], float]) -> Looks:
    if looks < 1:
        raise BadInput(f"looks must be at least 1, got {looks}")
    if looks == 1:
        return Looks((1.0,), (float(norm.isf(_error(alpha) / 2)),))
    _error(alpha)
    fractions = tuple((look + 1) / looks for look in range(looks))

    def at(scale: float) -> Looks:
        return Looks(fractions, tuple(scale * shape(fraction) for fraction in fractions))

    return at(brentq(lambda scale: sum(at(scale).stopping()) - alpha, 0.0, FARTHEST, xtol=1e-10))


class _Walk:
    """The density of the score process B(t) over the paths that have not stopped yet."""

    def __init__(self, drift: float) -> None:
        self.drift, self.time = drift, 0.0
        self.nodes, self.mass = np.zeros(1), np.ones(1)  # everything starts at B(0) = 0

    def step(self, time: float, bound: float) -> float:
        """Move to `time`, stop the paths beyond `bound`, and say how many that were."""
        stopped = self._beyond(time, bound)
        gap, edge = math.sqrt(time - self.time), self._edge(time, bound)
        low, high = (max(-edge, self._reach(time, -1)), min(edge, self._reach(time, 1)))
        x, weights = _gauss_legendre(max(math.ceil(6 * (high - low) / gap / 48), 1) * 48)
        nodes = (low + high) / 2 + (high - low) / 2 * x
        steps = nodes[:, None] - self.nodes - self.drift * gap**2
        density = np.exp(-((steps / gap) ** 2) / 2) @ self.mass / (gap * math.sqrt(2 * math.pi))
        self.time, self.nodes, self.mass = time, nodes, density * weights * (high - low) / 2
        return stopped

    def bound_for(self, time: float, error: float) -> float:
        """The bound that stops exactly this much; infinite where that is next to nothing."""
        if error < NEGLIGIBLE:
            return math.inf
        return float(brentq(lambda bound: self._beyond(time, bound) - error, 0.0, 40.0))

    def _beyond(self, time: float, bound: float) -> float:
        gap, edge = math.sqrt(time - self.time), bound * math.sqrt(time)
        centre = self.nodes + self.drift * gap**2
        return float(self.mass @ (ndtr((-edge - centre) / gap) + ndtr((centre - edge) / gap)))

    def _edge(self, time: float, bound: float) -> float:
        return bound * math.sqrt(time)

    def _reach(self, time: float, side: int) -> float:
        return self.drift * time + side * FARTHEST * math.sqrt(time)


@lru_cache(maxsize=32)
def _gauss_legendre(count: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(count)


def _error(alpha: float) -> float:
    if not 0 < require_share("alpha", alpha) < 1:
        raise BadInput(f"alpha must lie between 0 and 1, got {alpha}")
    return alpha
