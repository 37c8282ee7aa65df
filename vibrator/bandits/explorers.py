"""From estimates to the probability of every arm: the ways to explore.

Every explorer says the probabilities first and the arm is drawn from them, so that the propensity
in the log is the one that was used, whatever numerical method computed it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import betainc, betaincinv, ndtr, ndtri
from scipy.stats import qmc

from vibrator.bandits.models import Estimates
from vibrator.checks import require_finite, require_positive, require_share
from vibrator.errors import BadInput
from vibrator.vectors import blocks, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

LEVELS = ndtri(np.concatenate([[1e-6, 1e-3], np.linspace(0.01, 0.99, 11), [1 - 1e-3, 1 - 1e-6]]))
SHARED_DRAWS = 1024  # quasi-random θ's of Thompson sampling with a shared θ
NARROWEST = 1e-12  # an arm whose reward is known is this wide, so that its distribution exists
ROWS_AT_ONCE = 256


class Explorer(ABC):
    """Turns estimates into probabilities; a row of `allowed` masks arms inside them."""

    needs: ClassVar[str] = "mean"

    @abstractmethod
    def probabilities(self, estimates: Estimates, allowed: Bools | None, step: int) -> Floats:
        """One row a context, one column an arm; every row adds up to one."""

    def draw(
        self,
        estimates: Estimates,
        allowed: Bools | None,
        step: int,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.intp], Floats]:
        """An arm for every row, with its propensity."""
        chances = self.probabilities(estimates, allowed, step)
        ladder = np.cumsum(chances, axis=1)
        if not np.isfinite(ladder[:, -1]).all():
            raise BadInput("contexts must be finite")
        dice = rng.random((len(chances), 1)) * ladder[:, -1:]
        chosen = (ladder <= dice).sum(axis=1)
        chosen = np.where(chosen < chances.shape[1], chosen, chances.argmax(axis=1))
        return chosen, chances[np.arange(len(chosen)), chosen]

    def draw_one(
        self,
        estimates: Estimates,
        allowed: Bools | None,
        step: int,
        rng: np.random.Generator,
    ) -> tuple[int, float]:
        """The same for one context, whose estimates are single rows."""
        rows = Estimates(*(None if e is None else e[None] for e in estimates))  # type: ignore[arg-type]
        arms, propensities = self.draw(rows, None if allowed is None else allowed[None], step, rng)
        return int(arms[0]), float(propensities[0])


@dataclass(frozen=True, slots=True)
class Greedy(Explorer):
    """Mostly the arm with the largest mean + optimism × width; ties share equally.

    A share `epsilon` goes to all allowed arms alike; it halves every `half_life` updates down to
    `floor`. With optimism 0 this is ε-greedy, with epsilon 0 LinUCB; both may be above zero, which
    keeps an overlap for off-policy evaluation that a pure LinUCB lacks.
    """

    epsilon: float = 0.1
    optimism: float = 0.0
    floor: float = 0.0
    half_life: float = math.inf

    def __post_init__(self) -> None:
        require_share("epsilon", self.epsilon)
        require_share("floor", self.floor)
        if require_finite("optimism", self.optimism) < 0.0:
            raise BadInput(f"optimism must not be negative, got {self.optimism!r}")
        if not self.half_life > 0:
            raise BadInput(f"half_life must be positive, got {self.half_life!r}")

    @property
    def needs(self) -> str:  # type: ignore[override]
        """The width only where optimism uses it."""
        return "width" if self.optimism else "mean"

    def share_explored(self, step: int) -> float:
        """ε after `step` updates."""
        if not self.epsilon:
            return self.floor
        return max(self.floor, self.epsilon * math.exp2(-step / self.half_life))

    def index(self, estimates: Estimates, step: int) -> Floats:  # noqa: ARG002
        """What is maximised."""
        if not self.optimism:
            return estimates.mean
        return estimates.mean + self.optimism * estimates.width  # type: ignore[operator]

    def probabilities(self, estimates: Estimates, allowed: Bools | None, step: int) -> Floats:
        """ε shared by all allowed arms, the rest by the best of them."""
        index, epsilon = self.index(estimates, step), self.share_explored(step)
        best = share_among_best(index, allowed)
        return (1.0 - epsilon) * best + epsilon * share_alike(index.shape, allowed)

    def draw(
        self,
        estimates: Estimates,
        allowed: Bools | None,
        step: int,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.intp], Floats]:
        """Without ε, ties and masks the arm is certain, and no dice are needed."""
        if allowed is None and self.share_explored(step) == 0.0:
            index = self.index(estimates, step)
            best = index.argmax(axis=1)
            top = np.take_along_axis(index, best[:, None], axis=1)
            if np.count_nonzero(index == top) == len(index):
                return best, np.ones(len(index))
        return super(Greedy, self).draw(estimates, allowed, step, rng)

    def draw_one(
        self,
        estimates: Estimates,
        allowed: Bools | None,
        step: int,
        rng: np.random.Generator,
    ) -> tuple[int, float]:
        """Plain Python on a handful of numbers is faster here than any array."""
        index: list[float] = self.index(estimates, step).tolist()
        arms = range(len(index)) if allowed is None else np.flatnonzero(allowed).tolist()
        top = max(index) if allowed is None else max((index[arm] for arm in arms), default=math.nan)
        if not top > -math.inf:
            raise BadInput(f"context must be finite and one arm allowed, got estimates {index}")
        epsilon = self.share_explored(step)
        if not epsilon and allowed is None and index.count(top) == 1:
            return index.index(top), 1.0
        best = [arm for arm in arms if index[arm] == top]
        pool = arms if rng.random() < epsilon else best
        arm = pool[int(rng.random() * len(pool))]
        return arm, epsilon / len(arms) + (arm in best) * (1.0 - epsilon) / len(best)


@dataclass(frozen=True, slots=True)
class UpperBound(Greedy):
    """UCB1: the mean plus √(2 ln t) widths, so that arms never tried come first.

    The width of the model is range/√n: its `noise` is the range of the rewards.
    """

    epsilon: float = 0.0
    optimism: float = 1.0

    def __post_init__(self) -> None:
        super(UpperBound, self).__post_init__()
        require_positive("optimism", self.optimism)

    def index(self, estimates: Estimates, step: int) -> Floats:
        """Mean + optimism √(2 ln t) × width."""
        wide = self.optimism * math.sqrt(2.0 * math.log(max(step, 2)))
        return estimates.mean + wide * estimates.width  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Thompson(Explorer):
    """Every arm as often as it is the best one under the normal posterior.

    Arms with a θ each are independent, and the chance of being best is one integral. Arms that
    share θ move together: the chance is the share of 1,024 fixed quasi-random θ's in which the
    arm is best, within about 0.02 of the posterior's own (a test measures it). Drawing
    from these shares makes the logged propensity exact in both cases.
    """

    needs: ClassVar[str] = "factor"
    scale: float = 0.3

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)

    def probabilities(self, estimates: Estimates, allowed: Bools | None, step: int) -> Floats:  # noqa: ARG002
        """The chance that the arm is the best of those allowed."""
        if estimates.factor is not None:
            return self._joint(estimates.mean, estimates.factor, allowed)
        sigma = np.maximum(self.scale * _width(estimates), NARROWEST)
        mean = estimates.mean
        return in_blocks(
            lambda part: chance_of_best(
                mean[part, :, None] + sigma[part, :, None] * LEVELS,
                lambda s: ndtr((s[:, None] - mean[part, :, None]) / sigma[part, :, None]),
                None if allowed is None else allowed[part],
            ),
            mean.shape,
        )

    def _joint(self, mean: Floats, factor: Floats, allowed: Bools | None) -> Floats:
        nodes = normal_nodes(factor.shape[-1])

        def shares(part: slice) -> Floats:
            scores = mean[part, :, None] + self.scale * (factor[part] @ nodes)
            if allowed is not None:
                scores = np.where(allowed[part, :, None], scores, -np.inf)
            best = scores.argmax(axis=1)
            arms = np.arange(mean.shape[1])[:, None]
            return np.asarray((best[:, None] == arms).mean(axis=2))

        require_one(allowed)
        return in_blocks(shares, mean.shape)


@dataclass(frozen=True, slots=True)
class BetaThompson(Explorer):
    """Every arm as often as it is the best one under its Beta posterior (rewards from 0 to 1)."""

    needs: ClassVar[str] = "width"

    def probabilities(self, estimates: Estimates, allowed: Bools | None, step: int) -> Floats:  # noqa: ARG002
        """The chance that the arm is the best of those allowed."""
        mean = np.clip(estimates.mean, 1e-9, 1.0 - 1e-9)  # certain arms: all but a point mass
        count = mean * (1.0 - mean) / np.maximum(_width(estimates), 1e-6) ** 2 - 1.0
        a, b = (mean * count)[..., None], ((1.0 - mean) * count)[..., None]
        levels = ndtr(LEVELS)
        return in_blocks(
            lambda part: chance_of_best(
                betaincinv(a[part], b[part], levels),
                lambda s: betainc(a[part], b[part], np.clip(s[:, None], 0.0, 1.0)),
                None if allowed is None else allowed[part],
            ),
            mean.shape,
        )


@dataclass(frozen=True, slots=True)
class SquareCB(Explorer):
    """Inverse gap weighting: 1/(K + γ gap) for all but the best, γ = scale·√(K·t)."""

    scale: float = 10.0

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)

    def probabilities(self, estimates: Estimates, allowed: Bools | None, step: int) -> Floats:
        """The best arm takes what the others leave."""
        mask = np.ones(estimates.mean.shape, bool) if allowed is None else allowed
        mean = masked(estimates.mean, allowed)
        arms = mask.sum(axis=1, keepdims=True)
        gap = mean.max(axis=1, keepdims=True) - mean
        chances = np.where(mask, 1.0 / (arms + self.scale * np.sqrt(arms * (step + 1)) * gap), 0.0)
        rows = np.arange(len(mean))
        best = mean.argmax(axis=1)
        chances[rows, best] = 0.0
        chances[rows, best] = 1.0 - chances.sum(axis=1)
        return chances


@dataclass(frozen=True, slots=True)
class Softmax(Explorer):
    """Shares e^(mean/temperature)."""

    temperature: float = 0.1

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)

    def probabilities(self, estimates: Estimates, allowed: Bools | None, step: int) -> Floats:  # noqa: ARG002
        """Every allowed arm keeps a chance."""
        return softmax(masked(estimates.mean, allowed), temperature=self.temperature)


EXPLORERS: dict[str, Any] = {
    "greedy": Greedy,
    "ucb1": UpperBound,
    "thompson": Thompson,
    "beta-thompson": BetaThompson,
    "squarecb": SquareCB,
    "softmax": Softmax,
}


def require_one(allowed: Bools | None) -> None:
    """Every row must leave at least one arm."""
    if allowed is not None and not allowed.any(axis=-1).all():
        raise BadInput("every context must leave at least one arm allowed")


def masked(scores: Floats, allowed: Bools | None) -> Floats:
    """Arms that are not allowed score −∞."""
    require_one(allowed)
    return scores if allowed is None else np.where(allowed, scores, -np.inf)


def share_alike(shape: tuple[int, ...], allowed: Bools | None) -> Floats:
    """The uniform distribution over allowed arms."""
    mask = np.ones(shape) if allowed is None else allowed.astype(np.float64)
    return np.asarray(mask / mask.sum(axis=1, keepdims=True))


def share_among_best(scores: Floats, allowed: Bools | None) -> Floats:
    """The uniform distribution over the best allowed arms.

    >>> share_among_best(np.array([[1.0, 3.0, 3.0]]), None)
    array([[0. , 0.5, 0.5]])
    """
    open_scores = masked(scores, allowed)
    best = open_scores == open_scores.max(axis=1, keepdims=True)
    if allowed is not None:
        best &= allowed
    return np.asarray(best / best.sum(axis=1, keepdims=True))


def chance_of_best(quantiles: Floats, cdf: Any, allowed: Bools | None) -> Floats:
    """P(arm is the largest) for independent arms: ∫ ∏ F_other dF_arm, a row a context.

    The grid is the union of all arms' quantiles, so that narrow and wide arms are both resolved;
    each step is the trapezoid of ∏ F_other over the arm's own rise.
    """
    require_one(allowed)
    grid = np.sort(quantiles.reshape(len(quantiles), -1), axis=1)
    below = np.asarray(cdf(grid))
    if allowed is not None:
        below = np.where(allowed[..., None], below, 1.0)
    ones = np.ones_like(below[:, :1])
    before = np.cumprod(np.concatenate([ones, below[:, :-1]], axis=1), axis=1)
    after = np.cumprod(np.concatenate([ones, below[:, :0:-1]], axis=1), axis=1)[:, ::-1]
    others = before * after
    chances = ((others[..., 1:] + others[..., :-1]) * np.diff(below)).sum(axis=2) / 2.0
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def in_blocks(formula: Any, shape: tuple[int, ...]) -> Floats:
    """A row-wise formula over so many rows at once that its grids stay small."""
    out = np.empty(shape)
    for part in blocks(shape[0], ROWS_AT_ONCE):
        out[part] = formula(part)
    return out


@lru_cache(maxsize=16)
def normal_nodes(d: int) -> Floats:
    """Quasi-random draws of a standard normal in d dimensions, the same ones always."""
    return np.asarray(ndtri(qmc.Sobol(d, seed=0).random(SHARED_DRAWS)).T)


def _width(estimates: Estimates) -> Floats:
    if estimates.width is None:
        raise BadInput("this explorer needs a model that says how sure it is")
    return estimates.width
