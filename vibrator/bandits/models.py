"""What a bandit believes: the expected reward of every arm, and how sure it is of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from scipy.linalg import blas

from vibrator.checks import require_finite, require_positive, require_share
from vibrator.errors import BadInput
from vibrator.vectors import blocks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

REFRESH = 10_000  # updates between two inversions from the kept sums: rounding starts anew
FADE_STEP = 0.01  # forgetting happens in steps that change no weight by more than this share
BLOCK = 4096  # rows at a time, so that the temporaries of a batch stay in the cache


class Estimates(NamedTuple):
    """Rows are contexts, columns arms; `factor` rows span the joint spread of arms that share θ."""

    mean: Floats
    width: Floats | None = None
    factor: Floats | None = None


class Model(Protocol):
    """Estimates rewards and learns from them, batch first."""

    arms: int
    updates: int

    def estimate(self, contexts: ArrayLike, *, needs: str = "width") -> Estimates:
        """Mean reward of every arm in every context, with what else the explorer needs."""
        ...

    def learn(self, arms: NDArray[np.intp], contexts: ArrayLike, rewards: ArrayLike) -> None:
        """Take rewards in, in order."""
        ...


def fade_interval(forget: float) -> int:
    """Updates between two steps of forgetting.

    >>> fade_interval(1.0), fade_interval(0.999), fade_interval(0.9)
    (10000, 10, 1)
    """
    if not 0.0 < require_finite("forget", forget) <= 1.0:
        raise BadInput(f"forget must lie in (0, 1], got {forget!r}")
    if forget == 1.0:
        return REFRESH
    return min(REFRESH, max(1, int(math.log(1.0 - FADE_STEP) / math.log(forget))))


class LinearModel:
    """Ridge regression for every arm (or one that all arms share), a rank-1 step at a time.

    `belief` stacks A⁻¹ and, as a last row, θ, so that one product with x gives both A⁻¹x and x·θ
    and one rank-1 step (Sherman-Morrison) moves both. `sums` stacks Σ x xᵀ and Σ r x; from them
    everything is inverted afresh every `interval` updates, which bounds the drift and is also the
    moment when the past fades: all arms, by forget^interval. The ridge itself never fades.

    >>> model = LinearModel(arms=2, d=1)
    >>> model.learn_one(0, np.array([1.0]), 4.0)
    >>> model.estimate([[1.0]]).mean
    array([[2., 0.]])
    """

    def __init__(
        self, arms: int, d: int, *, shared: bool = False, ridge: float = 1.0, forget: float = 1.0
    ) -> None:
        if d < 1:
            raise BadInput(f"d must be at least 1, got {d}")
        self.arms, self.d, self.shared = arms, d, shared
        self.ridge, self.forget = require_positive("ridge", ridge), forget
        self.interval = fade_interval(forget)
        self.updates = self.since = 0
        self._bind(np.zeros((1 if shared else arms, d + 1, d)))
        self.refresh()

    def _bind(self, sums: Floats) -> None:
        """Take these sums, and keep the views that the hot path needs."""
        self.sums, self.belief = sums, np.zeros_like(sums)
        self._stacked = self.belief.reshape(-1, self.d)
        self._belief_of = [rows.T for rows in self.belief]  # Fortran order, as BLAS wants it
        self._sums_of = [rows.T for rows in self.sums]
        self._moment = np.empty(self.d + 1)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy or an unpickled model has to look into its own arrays again.
        vars(self).update(state)
        belief = self.belief
        self._bind(self.sums)
        self.belief[...] = belief

    def refresh(self, places: Any = slice(None)) -> None:
        """Invert from the kept sums."""
        gram = self.sums[places, : self.d] + self.ridge * np.eye(self.d)
        inverse = np.linalg.inv(gram)
        self.belief[places, : self.d] = (inverse + inverse.swapaxes(1, 2)) / 2
        self.belief[places, self.d] = np.linalg.solve(gram, self.sums[places, self.d, :, None])[
            ..., 0
        ]

    def learn_one(self, arm: int, x: Floats, reward: float) -> None:
        """One reward: A⁻¹ −= A⁻¹x xᵀA⁻¹/(1+xᵀA⁻¹x) and θ += A⁻¹x (r−x·θ)/(1+xᵀA⁻¹x)."""
        if len(x) != self.d:
            raise BadInput(f"context must have {self.d} numbers, got {len(x)}")
        place = 0 if self.shared else arm
        belief = self._belief_of[place]
        step = blas.dgemv(1.0, belief, x, trans=1)
        growth = 1.0 + blas.ddot(step, x, n=self.d)
        surprise = step.item(self.d) - reward
        if not -math.inf < growth + surprise < math.inf:
            raise BadInput(f"context and reward must be finite, got {x!r} and {reward!r}")
        step[self.d] = surprise
        blas.dger(-1.0 / growth, step[: self.d], step, a=belief, overwrite_a=1)
        moment = self._moment
        moment[:-1] = x
        moment[-1] = reward
        blas.dger(1.0, x, moment, a=self._sums_of[place], overwrite_a=1)
        self._count(1)

    def learn(self, arms: NDArray[np.intp], contexts: ArrayLike, rewards: ArrayLike) -> None:
        """Many rewards at once: the same belief as one at a time, up to rounding."""
        x = self._rows(contexts, "contexts")
        r = np.asarray(rewards, dtype=np.float64)
        if not np.isfinite(r).all():
            raise BadInput("rewards must be finite")
        start = 0
        while start < len(r):
            stop = min(len(r), start + self.interval - self.since)
            places = np.zeros(stop - start, np.intp) if self.shared else arms[start:stop]
            self._add(places, x[start:stop], r[start:stop])
            self._count(stop - start)
            start = stop

    def _add(self, places: NDArray[np.intp], x: Floats, r: Floats) -> None:
        moments = np.column_stack([x, r])
        touched = np.unique(places)
        for place in touched:
            mine = places == place
            self.sums[place] += moments[mine].T @ x[mine]
        self.refresh(touched)

    def _count(self, learnt: int) -> None:
        self.updates += learnt
        self.since += learnt
        if self.since >= self.interval:
            self.sums *= self.forget**self.since
            self.refresh()
            self.since = 0

    def estimate_one(self, x: Floats, *, needs: str = "width") -> Estimates:
        """One context, without the checks and loops of a batch."""
        if self.shared:
            return self._shared_estimates(self._rows(x, "context"), needs)
        if len(x) != self.d:
            raise BadInput(f"context must have {self.d} numbers, got {len(x)}")
        both = self._stacked.dot(x).reshape(-1, self.d + 1)
        mean = both[:, self.d]
        return Estimates(mean, None if needs == "mean" else np.sqrt(both[:, : self.d].dot(x)))

    def estimate(self, contexts: ArrayLike, *, needs: str = "width") -> Estimates:
        """Contexts are rows of d, or with a shared θ one such row for every arm: (n, arms, d)."""
        if self.shared:
            return self._shared_estimates(self._rows(contexts, "contexts", ndim=3), needs)
        x = self._rows(contexts, "contexts")
        mean = x @ self.belief[:, self.d].T
        if needs == "mean":
            return Estimates(mean)
        return Estimates(mean, self._widths(x))

    def _widths(self, x: Floats) -> Floats:
        squares = np.empty((self.arms, len(x)))
        for part in blocks(len(x), BLOCK):
            rows = x[part]
            for arm in range(self.arms):
                np.einsum(
                    "ij,ij->i", rows @ self._belief_of[arm][:, :-1], rows, out=squares[arm, part]
                )
        return np.sqrt(squares, out=squares).T

    def _shared_estimates(self, x: Floats, needs: str) -> Estimates:
        inverse, theta = self.belief[0, : self.d], self.belief[0, self.d]
        mean = x @ theta
        if needs == "mean":
            return Estimates(mean)
        width = np.sqrt(((x @ inverse) * x).sum(axis=-1))
        if needs == "width":
            return Estimates(mean, width)
        return Estimates(mean, width, x @ np.linalg.cholesky(inverse))

    def _rows(self, contexts: ArrayLike, name: str, ndim: int = 2) -> Floats:
        x = np.asarray(contexts, dtype=np.float64)
        if x.ndim != ndim or x.shape[-1] != self.d:
            raise BadInput(f"{name} must have {ndim} axes, the last of {self.d}, got {x.shape}")
        if not np.isfinite(x).all():
            raise BadInput(f"{name} must be finite")
        return x

    def add_arm(self) -> None:
        """One more arm, about which nothing is known yet; a shared θ knows it already."""
        self.arms += 1
        if not self.shared:
            self._rebuild(np.concatenate([self.sums, np.zeros((1, self.d + 1, self.d))]))

    def remove_arm(self, place: int) -> None:
        """One arm less, and what it learnt; what a shared θ learnt from it stays."""
        self.arms -= 1
        if not self.shared:
            self._rebuild(np.delete(self.sums, place, axis=0))

    def _rebuild(self, sums: Floats) -> None:
        self._bind(sums)
        self.refresh()

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        return {
            "arms": self.arms,
            "d": self.d,
            "shared": self.shared,
            "ridge": self.ridge,
            "forget": self.forget,
        }

    def state(self) -> dict[str, Floats]:
        """Everything learnt, as arrays."""
        return {
            "sums": self.sums,
            "belief": self.belief,
            "counters": np.array([self.updates, self.since], dtype=np.float64),
        }

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take back what state() gave, to the bit."""
        self._bind(np.array(state["sums"], dtype=np.float64, order="C"))
        self.belief[:] = state["belief"]
        self.updates, self.since = (int(n) for n in state["counters"])


class CountModel:
    """Mean reward of every arm whatever the context, with a prior worth `prior_count` rewards.

    With `noise` the width is that of a Gaussian mean, noise/√n; without, that of a Beta posterior
    (rewards must then lie from 0 to 1, and a prior count of 2 at ½ is the uniform one).

    >>> model = CountModel(arms=2)
    >>> model.learn_one(0, None, 1.0)
    >>> model.estimate([[0.0]]).mean.round(3)
    array([[0.667, 0.5 ]])
    """

    shared = False

    def __init__(
        self,
        arms: int,
        *,
        prior_mean: float = 0.5,
        prior_count: float = 2.0,
        noise: float | None = None,
        forget: float = 1.0,
    ) -> None:
        self.arms, self.forget = arms, forget
        if noise is None:
            require_share("prior_mean of a Beta posterior", prior_mean)
            require_positive("prior_count of a Beta posterior", prior_count)
        if require_finite("prior_count", prior_count) < 0:
            raise BadInput(f"prior_count must not be negative, got {prior_count!r}")
        self.prior_mean = require_finite("prior_mean", prior_mean)
        self.prior_count = prior_count
        self.noise = None if noise is None else require_positive("noise", noise)
        self.interval = fade_interval(forget)
        self.updates = self.since = 0
        self.counts, self.totals = np.zeros(arms), np.zeros(arms)

    def learn_one(self, arm: int, _x: Any, reward: float) -> None:
        """One reward of one arm."""
        self._check(reward, reward)
        self.counts[arm] += 1.0
        self.totals[arm] += reward
        self._count(1)

    def learn(self, arms: NDArray[np.intp], _contexts: Any, rewards: ArrayLike) -> None:
        """Many rewards, in order."""
        r = np.asarray(rewards, dtype=np.float64)
        if r.size == 0:
            return
        self._check(r.min(), r.max())
        start = 0
        while start < len(r):
            stop = min(len(r), start + self.interval - self.since)
            np.add.at(self.counts, arms[start:stop], 1.0)
            np.add.at(self.totals, arms[start:stop], r[start:stop])
            self._count(stop - start)
            start = stop

    def _check(self, low: float, high: float) -> None:
        if not -math.inf < low <= high < math.inf:
            raise BadInput(f"rewards must be finite, got {low!r} to {high!r}")
        if self.noise is None and not 0.0 <= low <= high <= 1.0:
            raise BadInput(f"a Beta posterior wants rewards from 0 to 1, got {low!r} to {high!r}")

    def _count(self, learnt: int) -> None:
        self.updates += learnt
        self.since += learnt
        if self.since >= self.interval:
            self.counts *= self.forget**self.since
            self.totals *= self.forget**self.since
            self.since = 0

    def estimate_one(self, _x: Any = None, *, needs: str = "width") -> Estimates:
        """Mean and width of every arm; one without rewards and prior is infinitely wide."""
        weight = self.counts + self.prior_count
        total = self.totals + self.prior_mean * self.prior_count
        mean = np.divide(total, weight, out=np.zeros(self.arms), where=weight > 0)
        return Estimates(mean, None if needs == "mean" else self._widths(mean, weight))

    def _widths(self, mean: Floats, weight: Floats) -> Floats:
        if self.noise is None:
            return np.sqrt(mean * (1.0 - mean) / (weight + 1.0))
        wide = np.full(self.arms, np.inf)
        return np.asarray(np.divide(self.noise, np.sqrt(weight), out=wide, where=weight > 0))

    def estimate(self, contexts: ArrayLike, *, needs: str = "width") -> Estimates:
        """The same estimates for every row."""
        one, shape = self.estimate_one(needs=needs), (len(np.asarray(contexts)), self.arms)
        width = None if one.width is None else np.broadcast_to(one.width, shape)
        return Estimates(np.broadcast_to(one.mean, shape), width)

    def add_arm(self) -> None:
        """One more arm, with the prior alone."""
        self.arms += 1
        self.counts, self.totals = np.append(self.counts, 0.0), np.append(self.totals, 0.0)

    def remove_arm(self, place: int) -> None:
        """One arm less, and what it learnt."""
        self.arms -= 1
        self.counts, self.totals = np.delete(self.counts, place), np.delete(self.totals, place)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        names = ("arms", "prior_mean", "prior_count", "noise", "forget")
        return {name: getattr(self, name) for name in names}

    def state(self) -> dict[str, Floats]:
        """Everything learnt, as arrays."""
        counters = np.array([self.updates, self.since], dtype=np.float64)
        return {"counts": self.counts, "totals": self.totals, "counters": counters}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take back what state() gave, to the bit."""
        self.counts, self.totals = state["counts"].copy(), state["totals"].copy()
        self.updates, self.since = (int(n) for n in state["counters"])


MODELS: dict[str, Any] = {"linear": LinearModel, "counts": CountModel}
