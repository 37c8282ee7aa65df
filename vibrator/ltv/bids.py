"""From a predicted value to what to pay: thresholds by expected value, as validated data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.checks import require_finite, require_share
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BidRule:
    """bid = value × multiplier, at most `cap`, nothing below `floor`, more above the whale gate.

    A predicted value of at least `whale_value` whose chance to buy is at least `whale_chance`
    takes `whale_multiplier` instead and is not capped.

    >>> rule = BidRule(multiplier=0.5, floor=0.1, cap=2.0)
    >>> rule.bid([0.1, 1.0, 100.0], [0.01, 0.1, 0.2])
    array([0. , 0.5, 2. ])
    """

    multiplier: float = 0.6
    floor: float = 0.0
    cap: float | None = None
    whale_value: float | None = None
    whale_chance: float = 0.0
    whale_multiplier: float | None = None

    def __post_init__(self) -> None:
        for name in ("multiplier", "floor"):
            if require_finite(name, getattr(self, name)) < 0:
                raise BadInput(f"{name} must not be negative, got {getattr(self, name)}")
        require_share("whale_chance", self.whale_chance)
        if self.cap is not None and not self.cap >= self.floor:
            raise BadInput(f"cap must not lie below the floor {self.floor}, got {self.cap}")
        if (self.whale_value is None) != (self.whale_multiplier is None):
            raise BadInput("whale_value and whale_multiplier come together or not at all")
        for name in ("whale_value", "whale_multiplier"):
            value = getattr(self, name)
            if value is not None and require_finite(name, value) < 0:
                raise BadInput(f"{name} must not be negative, got {value}")

    def bid(self, value: ArrayLike, chance: ArrayLike) -> Floats:
        """What to pay for each; 0 means: leave it."""
        v, p = np.asarray(value, dtype=float), np.asarray(chance, dtype=float)
        bids = np.minimum(v * self.multiplier, np.inf if self.cap is None else self.cap)
        if self.whale_value is not None and self.whale_multiplier is not None:
            whale = (v >= self.whale_value) & (p >= self.whale_chance)
            bids = np.where(whale, v * self.whale_multiplier, bids)
        return np.where(bids >= self.floor, bids, 0.0)


@dataclass(frozen=True, slots=True)
class Auction:
    """A simple market to try rules on: the price of each row, paid when the bid reaches it."""

    price: Floats
    revenue: Floats
    second_price: bool = True

    def __post_init__(self) -> None:
        if self.price.shape != self.revenue.shape or (self.price < 0).any():
            raise BadInput("one price that is not negative is needed for every revenue")

    def profit(self, bids: Floats) -> float:
        """Revenue won less what was paid, per row on offer."""
        won = (bids > 0) & (bids >= self.price)
        paid = self.price if self.second_price else bids
        return float(((self.revenue - paid) * won).sum() / self.price.size)


def choose_multiplier(
    rule: BidRule,
    value: ArrayLike,
    chance: ArrayLike,
    auction: Auction,
    *,
    multipliers: Sequence[float] = tuple(np.round(np.arange(0.1, 1.55, 0.05), 2)),
) -> BidRule:
    """The rule with the multiplier that earns most on rows that nothing else was fitted on."""
    tried = [dataclasses.replace(rule, multiplier=float(m)) for m in multipliers]
    return max(tried, key=lambda r: auction.profit(r.bid(value, chance)))


@dataclass(frozen=True, slots=True)
class Threshold:
    """Act where the score is at least `at`; `profit` is per row on offer at that threshold."""

    at: float
    profit: float
    share: float


def choose_threshold(score: ArrayLike, revenue: ArrayLike, cost: ArrayLike) -> Threshold:
    """The score from which acting pays most: revenue less cost, summed over the rows acted on.

    >>> choose_threshold([0.9, 0.5, 0.1], [5.0, 2.0, 0.0], 1.0).at
    0.5
    """
    s, y = np.asarray(score, dtype=float), np.asarray(revenue, dtype=float)
    gain = y - np.broadcast_to(np.asarray(cost, dtype=float), y.shape)
    order = np.argsort(-s, kind="stable")
    earned = np.concatenate([[0.0], np.cumsum(gain[order])])
    ends = np.concatenate([[True], s[order][1:] != s[order][:-1], [True]])  # ties go together
    best = int(np.argmax(np.where(ends, earned, -np.inf)))
    at = float("inf") if best == 0 else float(s[order][best - 1])
    return Threshold(at, float(earned[best] / y.size), best / y.size)


def blend(chance: ArrayLike, value: ArrayLike, *, alpha: float) -> Floats:
    """Chance^α · value^(1−α): the value alone at α = 0, the chance to buy alone at α = 1.

    >>> blend([0.25], [4.0], alpha=0.5)
    array([1.])
    """
    require_share("alpha", alpha)
    p, v = np.asarray(chance, dtype=float), np.asarray(value, dtype=float)
    return np.asarray(p**alpha * v ** (1.0 - alpha))


@dataclass(frozen=True, slots=True)
class ActRule:
    """Act on a person whose chance^α · value^(1−α) reaches `at`; on nobody where that is null.

    >>> ActRule(at=1.5).act([0.1, 0.2], [1.0, 2.0]).tolist()
    [False, True]
    """

    alpha: float = 0.0
    at: float | None = None

    def __post_init__(self) -> None:
        require_share("alpha", self.alpha)
        if self.at is not None:
            require_finite("at", self.at)

    def act(self, chance: ArrayLike, value: ArrayLike) -> NDArray[np.bool_]:
        """Whom to act on."""
        score = blend(chance, value, alpha=self.alpha)
        return np.asarray(score >= (np.inf if self.at is None else self.at))


@dataclass(frozen=True, slots=True)
class ThresholdPlan:
    """Whom to act on at `cost` a head, chosen on rows of their own; null: nothing is chosen.

    `alpha` null tries blends of chance and value, too; 0 is the value alone.
    """

    cost: float | None = None
    alpha: float | None = 0.0

    def __post_init__(self) -> None:
        if self.cost is not None and require_finite("thresholds.cost", self.cost) < 0:
            raise BadInput(f"thresholds.cost must not be negative, got {self.cost}")
        if self.alpha is not None:
            require_share("thresholds.alpha", self.alpha)


def choose_act(
    chance: ArrayLike, value: ArrayLike, revenue: ArrayLike, plan: ThresholdPlan
) -> ActRule:
    """The rule that earns most on these rows at the plan's cost."""
    cost = 0.0 if plan.cost is None else plan.cost
    if plan.alpha is None:
        alpha, best = choose_alpha(chance, value, revenue, cost)
    else:
        alpha = plan.alpha
        best = choose_threshold(blend(chance, value, alpha=alpha), revenue, cost)
    return ActRule(alpha, best.at if np.isfinite(best.at) else None)


def choose_alpha(
    chance: ArrayLike, value: ArrayLike, revenue: ArrayLike, cost: ArrayLike, *, steps: int = 20
) -> tuple[float, Threshold]:
    """The α, and its threshold, whose blend earns most on rows of their own."""
    tried = [
        (float(a), choose_threshold(blend(chance, value, alpha=float(a)), revenue, cost))
        for a in np.linspace(0.0, 1.0, steps + 1)
    ]
    return max(tried, key=lambda pair: pair[1].profit)
