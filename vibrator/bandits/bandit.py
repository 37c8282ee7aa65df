"""A bandit: a model that estimates, an explorer that turns estimates into chances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.bandits.explorers import (
    BetaThompson,
    Explorer,
    Greedy,
    Softmax,
    SquareCB,
    Thompson,
    UpperBound,
)
from vibrator.bandits.models import CountModel, LinearModel
from vibrator.checks import require_text
from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


class Choice(NamedTuple):
    """The arm and how likely it was; arrays of them for many contexts."""

    arm: Any
    propensity: Any


class Bandit:
    """Chooses an arm for a context and learns from the reward, whenever that comes.

    Batch first: `choose` and `learn` take many rows, `choose_one` and `learn_one` are the fast
    paths for one. Contexts are rows of d numbers; with shared parameters a context is one such
    row for every arm, (n, arms, d), and `learn` takes the chosen arm's row.

    >>> coin = bandit("epsilon-greedy", arms=["tea", "coffee"], d=1, epsilon=0.2)
    >>> coin.learn(["tea", "coffee"], [[1.0], [1.0]], [0.0, 1.0])
    >>> coin.probabilities([[1.0]])
    array([[0.1, 0.9]])
    """

    def __init__(self, arms: Sequence[str], model: Any, explorer: Explorer) -> None:
        self.arms = tuple(require_text("arm", arm) for arm in arms)
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise BadInput(f"arms must be at least one and all different, got {self.arms}")
        if model.arms != len(self.arms):
            raise BadInput(f"the model has {model.arms} arms, not {len(self.arms)}")
        self.model, self.explorer, self._needs = model, explorer, explorer.needs
        self._name_arms(self.arms)

    def _name_arms(self, arms: tuple[str, ...]) -> None:
        self.arms = arms
        self._place = {arm: place for place, arm in enumerate(arms)}
        self._names = np.array(arms, dtype=object)

    def probabilities(self, contexts: ArrayLike, *, allowed: ArrayLike | None = None) -> Floats:
        """The chance of every arm in every context, arms not allowed at zero."""
        estimates = self.model.estimate(contexts, needs=self._needs)
        mask = self._mask(allowed, estimates.mean.shape)
        return self.explorer.probabilities(estimates, mask, self.model.updates)

    def choose(
        self, contexts: ArrayLike, rng: np.random.Generator, *, allowed: ArrayLike | None = None
    ) -> Choice:
        """An arm for every context; `allowed` masks arms, alike for all rows or row by row."""
        estimates = self.model.estimate(contexts, needs=self._needs)
        mask = self._mask(allowed, estimates.mean.shape)
        places, propensities = self.explorer.draw(estimates, mask, self.model.updates, rng)
        return Choice(self._names[places], propensities)

    def choose_one(
        self, context: Floats, rng: np.random.Generator, *, allowed: ArrayLike | None = None
    ) -> Choice:
        """One arm for one context."""
        model, explorer = self.model, self.explorer
        estimates = model.estimate_one(context, needs=self._needs)
        mask = None if allowed is None else self._mask(allowed, estimates.mean.shape)
        place, propensity = explorer.draw_one(estimates, mask, model.updates, rng)
        return Choice(self.arms[place], propensity)

    def learn(self, arms: Sequence[str], contexts: ArrayLike, rewards: ArrayLike) -> None:
        """Take the rewards of these arms in these contexts in; they may come late, in any order."""
        places = np.array([self.place(arm) for arm in arms], dtype=np.intp)
        if not len(places) == len(np.asarray(contexts)) == len(np.asarray(rewards)):
            raise BadInput("arms, contexts and rewards must be of one length")
        self.model.learn(places, contexts, rewards)

    def learn_one(self, arm: str, context: Floats, reward: float) -> None:
        """Take one reward in."""
        self.model.learn_one(self.place(arm), context, reward)

    def add_arm(self, arm: str) -> None:
        """A new arm, of which nothing is known yet."""
        if arm in self._place:
            raise BadInput(f"arm {arm!r} is there already")
        self.model.add_arm()
        self._name_arms((*self.arms, require_text("arm", arm)))

    def remove_arm(self, arm: str) -> None:
        """An arm goes, with what was learnt about it alone."""
        place = self.place(arm)
        if len(self.arms) == 1:
            raise BadInput(f"{arm!r} is the last arm; a bandit keeps at least one")
        self.model.remove_arm(place)
        self._name_arms(tuple(name for name in self.arms if name != arm))

    def place(self, arm: str) -> int:
        """Where the arm stands among the columns."""
        try:
            return self._place[arm]
        except KeyError:
            raise UnknownName(f"no arm {arm!r}; known: {list(self.arms)}") from None

    @staticmethod
    def _mask(allowed: ArrayLike | None, shape: tuple[int, ...]) -> Bools | None:
        if allowed is None:
            return None
        mask = np.asarray(allowed)
        if mask.dtype != bool or mask.shape[-1:] != shape[-1:]:
            raise BadInput(f"allowed must be a mask of truth values over {shape[-1]} arms")
        return np.broadcast_to(mask, shape)


Recipe = Callable[..., tuple[Any, Explorer]]


def _linear(explorer: type[Explorer], **defaults: Any) -> Recipe:
    def recipe(arms: int, d: int, options: dict[str, Any]) -> tuple[Any, Explorer]:
        known = {name: options.pop(name) for name in _LINEAR if name in options}
        return LinearModel(arms, d, **known), explorer(**{**defaults, **options})

    return recipe


def _counting(explorer: type[Explorer], model: dict[str, Any], **defaults: Any) -> Recipe:
    def recipe(arms: int, _d: int, options: dict[str, Any]) -> tuple[Any, Explorer]:
        known = {name: options.pop(name) for name in _COUNTING if name in options}
        return CountModel(arms, **{**model, **known}), explorer(**{**defaults, **options})

    return recipe


_LINEAR = ("shared", "ridge", "forget")
_COUNTING = ("prior_mean", "prior_count", "noise", "forget")
_UNKNOWN = {"prior_mean": 0.0, "prior_count": 0.0, "noise": 1.0}
_GAUSSIAN = {"prior_mean": 0.0, "prior_count": 1.0, "noise": 1.0}

BANDITS: dict[str, Recipe] = {
    "random": _counting(Greedy, _GAUSSIAN, epsilon=1.0),
    "epsilon-greedy": _linear(Greedy, epsilon=0.1),
    "linucb": _linear(Greedy, epsilon=0.0, optimism=1.0),
    "lints": _linear(Thompson),
    "squarecb": _linear(SquareCB),
    "softmax": _linear(Softmax),
    "ucb1": _counting(UpperBound, _UNKNOWN),
    "thompson-beta": _counting(BetaThompson, {}),
    "thompson-gaussian": _counting(Thompson, _GAUSSIAN, scale=1.0),
}


def bandit(name: str, *, arms: Sequence[str], d: int = 1, **options: Any) -> Bandit:
    """A bandit by name; options go to its model (shared, ridge, forget, …) and its explorer.

    >>> bandit("linucb", arms=["a", "b"], d=7, optimism=0.5).explorer.optimism
    0.5
    """
    if name not in BANDITS:
        raise UnknownName(f"no bandit {name!r}; known: {sorted(BANDITS)}")
    try:
        model, explorer = BANDITS[name](len(arms), d, dict(options))
    except TypeError as error:
        raise BadInput(f"{name} does not take these options {sorted(options)}: {error}") from None
    return Bandit(arms, model, explorer)
