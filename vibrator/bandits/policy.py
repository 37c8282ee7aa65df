"""A bandit in the place of a policy: candidates or slate sizes as arms, doing nothing among them.

Doing nothing is worth `nothing_worth` by definition and is never learnt about, so that no reward
can teach a bandit to stay silent; refused arms are masked inside the propensities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.bandits.bandit import Bandit
from vibrator.bandits.explorers import share_among_best
from vibrator.bandits.models import Estimates
from vibrator.checks import require_finite
from vibrator.decisions import NOTHING, Decision, Outcome, Proposal, Situation
from vibrator.errors import BadInput
from vibrator.rewards import PUBLISHED_REWARDS, RewardMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BARRED = "explore"  # refused like a candidate by an exploration cap: choose, but do not try out

Arms = Callable[[Situation, Mapping[str, str]], dict[str, tuple[str, ...]]]
Features = Callable[[Situation, Mapping[str, tuple[str, ...]]], Any]


def one_each(situation: Situation, _refused: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """An arm for every candidate: show that one."""
    return {candidate: (candidate,) for candidate in situation.candidates}


def slate_sizes(*sizes: int) -> Arms:
    """An arm for every size: show so many of the candidates left, in the order they came.

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> at_hand = Situation(user_id="ada", at=now, candidates=("a", "b", "c"))
    >>> slate_sizes(1, 2)(at_hand, {"a": "seen"})
    {'1': ('b',), '2': ('b', 'c')}
    """
    if not sizes or min(sizes) < 1:
        raise BadInput(f"slate sizes must be at least 1, got {sizes}")

    def arms(situation: Situation, refused: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        left = [candidate for candidate in situation.candidates if candidate not in refused]
        return {str(size): tuple(left[:size]) for size in sizes}

    return arms


def numbers_of_candidates(*names: str) -> Features:
    """Features that the situation's context gives: context["features"][candidate][name]."""

    def features(situation: Situation, arms: Mapping[str, tuple[str, ...]]) -> Any:
        rows = situation.context.get("features", {})
        try:
            return [[float(rows[items[0]][name]) for name in names] for items in arms.values()]
        except (KeyError, TypeError, IndexError, ValueError) as error:
            wanted = f"context['features'] must give {names} of every candidate"
            raise BadInput(f"{wanted}: {error!r}") from None

    return features


def slider_scores(situation: Situation, arms: Mapping[str, tuple[str, ...]]) -> Any:
    """Features that the scorer gives: the first item's score on every slider, and a constant."""
    if situation.scores is None:
        raise BadInput("slider scores as features need a situation with scores")
    scores = np.asarray(situation.scores, dtype=np.float64)
    rows = dict(zip(situation.candidates, scores, strict=True))
    none = np.zeros(scores.shape[1])
    return [[1.0, *(rows[items[0]] if items else none)] for items in arms.values()]


class BanditPolicy:
    """The Policy port over any bandit.

    With shared parameters `features` gives a row for every arm, without them one row for all; the
    chosen arm's row is kept in the decision, and a reward is learnt against exactly that row.
    """

    def __init__(
        self,
        bandit: Bandit,
        features: Features,
        *,
        arms: Arms = one_each,
        name: str = "bandit",
        nothing_worth: float = 0.0,
        rewards: RewardMap = PUBLISHED_REWARDS,
    ) -> None:
        self.bandit, self.features, self.arms, self.name = bandit, features, arms, name
        self.nothing_worth = require_finite("nothing_worth", nothing_worth)
        self.rewards = rewards

    def propose(
        self, situation: Situation, refused: Mapping[str, str], rng: np.random.Generator
    ) -> Proposal:
        """Choose among the arms left and doing nothing, by the bandit's own probabilities."""
        arms = self.arms(situation, refused)
        open_arms = [
            bool(items) and not any(item in refused for item in items) for items in arms.values()
        ]
        rows = self._rows(situation, arms)
        estimates = self._with_nothing(self._estimates(rows, list(arms)))
        explorer, model = self.bandit.explorer, self.bandit.model
        allowed = np.array([[*open_arms, True]])
        best = share_among_best(estimates.mean, allowed)[0]
        if BARRED in refused:
            chances = best
        else:
            chances = explorer.probabilities(estimates, allowed, model.updates)[0]
        place = _throw(chances, rng)
        names = (*arms, NOTHING)
        return Proposal(
            arm=names[place],
            items=arms.get(names[place], ()),
            propensity=float(chances[place]),
            reason=self._reason(names[place], chances[place]),
            propensities=dict(zip(names, chances.tolist(), strict=True)),
            features={
                "explored": bool(not best[place]),
                **({} if names[place] == NOTHING else {"x": _row(rows, place).tolist()}),
            },
        )

    def learn(self, decision: Decision, outcome: Outcome) -> None:
        """Learn the outcome's reward, or what its action and dwell are worth; once an outcome."""
        if decision.arm == NOTHING:
            return
        reward = outcome.reward
        if reward is None:
            reward = self.rewards.reward(outcome.what, outcome.dwell_ms or 0.0)
        if not self.bandit.model.shared:
            self._know([decision.arm])
            self.bandit.learn_one(decision.arm, np.asarray(decision.features["x"]), reward)
            return
        self.bandit.model.learn_one(0, np.asarray(decision.features["x"]), reward)

    def _rows(self, situation: Situation, arms: Mapping[str, tuple[str, ...]]) -> Floats:
        rows = np.asarray(self.features(situation, arms), dtype=np.float64)
        wanted = (len(arms),) if self.bandit.model.shared else ()
        if rows.shape[:-1] != wanted:
            raise BadInput(f"features must give {wanted or 'one'} row(s), got shape {rows.shape}")
        return rows

    def _estimates(self, rows: Floats, arms: Sequence[str]) -> Estimates:
        model, needs = self.bandit.model, self.bandit.explorer.needs
        if model.shared:
            if not arms:
                return Estimates(np.empty((1, 0)), np.empty((1, 0)), np.empty((1, 0, model.d)))
            return model.estimate(rows[None], needs=needs)  # type: ignore[no-any-return]
        self._know(arms)
        places = [self.bandit.place(arm) for arm in arms]
        whole = model.estimate(rows[None], needs=needs)
        mean, width = whole.mean[:, places], whole.width
        return Estimates(mean, None if width is None else width[:, places])

    def _know(self, arms: Sequence[str]) -> None:
        for arm in arms:
            if arm not in self.bandit.arms:
                self.bandit.add_arm(arm)

    def _with_nothing(self, estimates: Estimates) -> Estimates:
        """One more arm, whose worth is known and not learnt."""

        def beside(part: Floats | None, value: float) -> Floats | None:
            if part is None:
                return None
            return np.concatenate([part, np.full((1, 1, *part.shape[2:]), value)], axis=1)

        mean = np.append(estimates.mean, [[self.nothing_worth]], axis=1)
        return Estimates(mean, beside(estimates.width, 0.0), beside(estimates.factor, 0.0))

    def _reason(self, arm: str, chance: float) -> str:
        what = "do nothing" if arm == NOTHING else f"show {arm}"
        return f"{self.name}: {what}, chance {chance:.3f} after {self.bandit.model.updates} rewards"


def _row(rows: Floats, place: int) -> Floats:
    return rows[place] if rows.ndim == 2 else rows


def _throw(chances: Floats, rng: np.random.Generator) -> int:
    ladder = np.cumsum(chances)
    place = int((ladder <= rng.random() * ladder[-1]).sum())
    return place if place < len(chances) else int(chances.argmax())
