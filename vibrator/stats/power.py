"""How many units an answer needs, how small an effect they can show, and how long that takes."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.stats import nct, norm, t

from vibrator.checks import require_finite, require_positive, require_share
from vibrator.errors import BadInput
from vibrator.stats.intervals import z_of

FEWEST = 2.0  # units an arm that have a variance at all


def power_of_means(effect: float, count: float, *, sd: float = 1.0, alpha: float = 0.05) -> float:
    """The power of a two-sided t-test with `count` units an arm (noncentral t)."""
    size = abs(require_finite("effect", effect)) / require_positive("sd", sd)
    df = 2 * count - 2
    critical, shift = t.isf(_error(alpha) / 2, df), size * math.sqrt(count / 2)
    return float(nct.sf(critical, df, shift) + nct.sf(critical, df, -shift))


def units_for_means(
    effect: float, *, sd: float = 1.0, alpha: float = 0.05, power: float = 0.8, exact: bool = True
) -> float:
    """Units an arm to find a difference of means; round it up.

    >>> round(units_for_means(0.2), 2), round(units_for_means(0.2, exact=False), 2)
    (393.41, 392.44)
    """
    size = _size(effect) / require_positive("sd", sd)
    normal = 2 * (_both(alpha, power) / size) ** 2
    if not exact or normal > 1e5:  # t and normal agree there to better than a unit in 1e5
        return normal
    if power_of_means(size, FEWEST, alpha=alpha) >= power:
        return FEWEST
    missing = lambda n: power_of_means(size, n, alpha=alpha) - power  # noqa: E731
    return float(brentq(missing, FEWEST, normal + 50, xtol=1e-10))


def units_for_shares(
    control: float,
    treatment: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    method: str = "arcsine",
) -> float:
    """Units an arm to find a difference of shares, by `arcsine` or by `unpooled` variances."""
    p, q = require_share("control", control), require_share("treatment", treatment)
    if method == "unpooled":
        both = _both(alpha, power)
        return (both / _size(q - p)) ** 2 * (p * (1 - p) + q * (1 - q))
    if method != "arcsine":
        raise BadInput(f"method must be 'arcsine' or 'unpooled', got {method!r}")
    size = _size(2 * math.asin(math.sqrt(q)) - 2 * math.asin(math.sqrt(p)))
    both_tails = lambda n: _normal_power(size * math.sqrt(n / 2), alpha) - power  # noqa: E731
    return float(brentq(both_tails, 1e-9, 4 * (_both(alpha, power) / size) ** 2, xtol=1e-9))


def detectable(count: float, *, sd: float = 1.0, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest difference of means that `count` units an arm find with that power (MDE)."""
    return (
        _both(alpha, power) * require_positive("sd", sd)
        * math.sqrt(2 / require_positive("count", count))
    )  # fmt: skip


def power_left(z: float, fraction: float, *, critical: float) -> float:
    """The probability to pass the last look, if the effect goes on as it was until this share.

    >>> power_left(0.0, 0.5, critical=1.96) < 0.02 < 0.9 < power_left(2.5, 0.5, critical=1.96)
    True
    """
    if not 0 < require_share("fraction", fraction) < 1:
        raise BadInput(f"fraction must lie between 0 and 1, got {fraction!r}")
    expected = require_finite("z", z) / math.sqrt(fraction)  # B(t) = z√t has gone z√t / t a unit
    spread = math.sqrt(1 - fraction)
    return float(
        norm.sf((critical - expected) / spread) + norm.cdf((-critical - expected) / spread)
    )


def days_for(units_an_arm: float, *, arms: int = 2, units_a_day: float) -> int:
    """Whole days until every arm has its units.

    >>> days_for(393.4, units_a_day=100)
    8
    """
    return math.ceil(arms * math.ceil(units_an_arm) / require_positive("units_a_day", units_a_day))


def _normal_power(shift: float, alpha: float) -> float:
    z = z_of(1 - alpha)
    return float(norm.sf(z - shift) + norm.sf(z + shift))


def _both(alpha: float, power: float) -> float:
    """z_{α/2} + z_β."""
    return z_of(1 - _error(alpha)) + float(norm.ppf(_error(power)))


def _size(effect: float) -> float:
    if require_finite("effect", effect) == 0:
        raise BadInput("effect must not be zero: no number of units finds nothing")
    return abs(effect)


def _error(value: float) -> float:
    if not 0 < require_share("alpha and power", value) < 1:
        raise BadInput(f"alpha and power must lie between 0 and 1, got {value}")
    return value
