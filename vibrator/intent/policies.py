"""When to act on intent, and with how much: four governed policies and a place for more.

A policy decides in one rule over rows of moments, so that one decision in production, a replay of
millions and a simulation all go through the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from vibrator.checks import require_count, require_share
from vibrator.decisions import NOTHING, Decision, Outcome, Proposal, Situation
from vibrator.errors import BadInput, UnknownName
from vibrator.intent.arms import BetaArms
from vibrator.intent.guards import EXPLORE
from vibrator.intent.picks import Picker, PopularFirst
from vibrator.intent.state import IntentState, leading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Verdict = Callable[["Slates"], Floats]

ANY = -1  # instead of a category: whatever is popular


@dataclass(frozen=True, slots=True)
class Moments:
    """What the policies look at, a row a decision; categories are places, −1 where unknown."""

    confidence: Floats
    strongest: Places
    strongest_slow: Places
    last: Places

    @classmethod
    def of(cls, fast: Floats, slow: Floats, last: Places) -> Moments:
        """From fast and slow evidence, a row a decision."""
        strongest, confidence = leading(fast + slow)
        slowly, _ = leading(slow)
        return cls(confidence, strongest, np.where(slowly < 0, leading(fast)[0], slowly), last)

    @classmethod
    def now(cls, intent: IntentState | None, at: datetime) -> Moments:
        """One row: a person's intent at this moment."""
        if intent is None:
            nobody = np.array([-1])
            return cls(np.zeros(1), nobody, nobody, nobody)
        fast, slow = intent.prefs(at)
        last = intent.last_category(at)
        place = -1 if last is None else intent.names.index(last)
        return cls.of(fast[None], slow[None], np.array([place]))


@dataclass(frozen=True, slots=True)
class Slates:
    """How many items each decision shows (0: nothing), and of which category the first come."""

    category: Places
    size: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When the liquid policies act: nothing below theta, at most one item below theta_safe."""

    theta: float = 0.55
    theta_safe: float = 0.65
    top_k: int = 10
    bandit_epsilon: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.theta <= self.theta_safe:
            raise BadInput(f"theta must lie from 0 to theta_safe, got {self.theta}")
        require_count("top_k", self.top_k)
        require_share("bandit_epsilon", self.bandit_epsilon)


class IntentPolicy(Protocol):
    """What a replay asks of a policy; for production the `Policy` port comes on top."""

    @property
    def name(self) -> str:
        """What it is called in tables and logs."""
        ...

    def rehearse(self, moments: Moments, net: Verdict, rng: np.random.Generator) -> Slates:
        """Decide every row in order, learning in between from `net`, the net worth of slates."""
        ...


class Planned:
    """A policy whose `plan` looks at moments only: it neither learns nor rolls dice."""

    name: ClassVar[str]
    learns: ClassVar[bool] = False
    picker: Picker

    def plan(self, moments: Moments) -> Slates:
        """The slate of every row."""
        raise NotImplementedError

    def rehearse(
        self,
        moments: Moments,
        net: Verdict,  # noqa: ARG002 - the port hands the worth of slates to every policy
        rng: np.random.Generator,  # noqa: ARG002 - and dice
    ) -> Slates:
        """Every row at once, as nothing is learnt in between."""
        return self.plan(moments)

    def propose(
        self,
        situation: Situation,
        refused: Mapping[str, str],
        rng: np.random.Generator,  # noqa: ARG002 - the port hands dice to every policy
    ) -> Proposal:
        """The planned slate out of what the guards left."""
        moments = Moments.now(situation.intent, situation.at)
        slates = self.plan(moments)
        place, size = int(slates.category[0]), int(slates.size[0])
        category = _name(situation, place)
        items = self.picker.pick(situation, refused, category, size)
        reason = _why(self.name, items, category, moments)
        return Proposal(
            arm=_arm(len(items) and size),
            items=items,
            propensity=1.0,
            reason=reason,
            propensities={_arm(len(items) and size): 1.0},
            features=_features(moments),
        )

    def learn(self, decision: Decision, outcome: Outcome) -> None:
        """Nothing to learn."""


@dataclass(frozen=True, slots=True)
class Static(Planned):
    """The most popular unseen item, always."""

    name: ClassVar[str] = "Static"
    picker: Picker = field(default_factory=PopularFirst)

    def plan(self, moments: Moments) -> Slates:
        """One item of any category."""
        ones = np.ones(len(moments.last), dtype=np.intp)
        return Slates(ANY * ones, ones)


@dataclass(frozen=True, slots=True)
class Triggers(Planned):
    """The most popular unseen item of the category that was touched last."""

    name: ClassVar[str] = "Triggers"
    picker: Picker = field(default_factory=PopularFirst)

    def plan(self, moments: Moments) -> Slates:
        """One item of the last category; of any where nothing happened yet."""
        return Slates(moments.last, np.ones(len(moments.last), dtype=np.intp))


@dataclass(frozen=True, slots=True)
class LiquidRules(Planned):
    """Nothing below theta, one item below theta_safe, else top_k, led by the strongest category."""

    name: ClassVar[str] = "Liquid+Rules"
    thresholds: Thresholds = field(default_factory=Thresholds)
    picker: Picker = field(default_factory=PopularFirst)

    def plan(self, moments: Moments) -> Slates:
        """As many items as confidence permits."""
        limits, confidence = self.thresholds, moments.confidence
        size = np.where(confidence < limits.theta_safe, 1, limits.top_k)
        return Slates(moments.strongest, np.where(confidence < limits.theta, 0, size))


class LiquidBandits:
    """Learns how much to show: nothing, one item or top_k, which is barred below theta_safe.

    A win is a net worth above 0; doing nothing is worth 0. With `paid_for_nothing` a worth of 0
    wins too, as in the paper.
    """

    name: ClassVar[str] = "Liquid+Bandits"
    __slots__ = ("arms", "paid_for_nothing", "picker", "sizes", "thresholds")

    def __init__(
        self,
        thresholds: Thresholds | None = None,
        picker: Picker | None = None,
        *,
        paid_for_nothing: bool = False,
    ) -> None:
        self.thresholds = thresholds or Thresholds()
        self.picker = picker or PopularFirst()
        self.paid_for_nothing = paid_for_nothing
        self.sizes = (0, 1, self.thresholds.top_k)
        self.arms = BetaArms(len(self.sizes), epsilon=self.thresholds.bandit_epsilon)

    def allowed(self, confidence: Floats) -> list[list[int]]:
        """The arms that each confidence permits."""
        safe = confidence >= self.thresholds.theta_safe
        return [[0, 1, 2] if sure else [0, 1] for sure in safe.tolist()]

    def won(self, worth: Any) -> Any:
        """Whether a net worth counts as a win."""
        return worth >= 0 if self.paid_for_nothing else worth > 0

    def rehearse(self, moments: Moments, net: Verdict, rng: np.random.Generator) -> Slates:
        """Row by row: draw, be paid, go on."""
        lead, sizes = moments.strongest_slow, np.array(self.sizes)
        wins = np.array([self.won(net(Slates(lead, np.full_like(lead, k)))) for k in sizes]).T
        drawn = [
            self._draw_and_pay(allowed, won, rng)
            for allowed, won in zip(self.allowed(moments.confidence), wins.tolist(), strict=True)
        ]
        return Slates(lead, sizes[np.array(drawn, dtype=np.intp)])

    def propose(
        self, situation: Situation, refused: Mapping[str, str], rng: np.random.Generator
    ) -> Proposal:
        """Draw among the arms that confidence and guards left; its probability comes with it."""
        moments = Moments.now(situation.intent, situation.at)
        category = _name(situation, int(moments.strongest_slow[0]))
        slates = [self.picker.pick(situation, refused, category, size) for size in self.sizes]
        allowed = [arm for arm in self.allowed(moments.confidence)[0] if arm == 0 or slates[arm]]
        arms = self._without_exploration() if EXPLORE in refused else self.arms
        arm, explored = arms.draw(allowed, rng)
        chances = arms.propensities(allowed)
        return Proposal(
            arm=_arm(self.sizes[arm]),
            items=slates[arm],
            propensity=float(chances[arm]),
            reason=_why(self.name, slates[arm], category, moments),
            propensities={_arm(k): float(p) for k, p in zip(self.sizes, chances, strict=True)},
            features={**_features(moments), "explored": explored},
        )

    def learn(self, decision: Decision, outcome: Outcome) -> None:
        """Pay the arm that was drawn with the outcome's reward."""
        names = [_arm(size) for size in self.sizes]
        if decision.arm not in names:
            raise UnknownName(f"no arm {decision.arm!r}; known: {names}")
        if outcome.reward is None:
            raise BadInput(f"outcome of {decision.decision_id} must have a reward, got None")
        self.arms.pay(names.index(decision.arm), won=bool(self.won(outcome.reward)))

    def _draw_and_pay(self, allowed: list[int], won: list[bool], rng: np.random.Generator) -> int:
        arm, _ = self.arms.draw(allowed, rng)
        self.arms.pay(arm, won=won[arm])
        return arm

    def _without_exploration(self) -> BetaArms:
        greedy = BetaArms(len(self.sizes), epsilon=0.0)
        greedy.wins, greedy.losses = self.arms.wins, self.arms.losses
        return greedy


def _arm(size: int) -> str:
    return NOTHING if not size else "one" if size == 1 else f"top-{size}"


def _name(situation: Situation, place: int) -> Any:
    return None if place < 0 else situation.intent.names[place]


def _features(moments: Moments) -> dict[str, float]:
    return {"confidence": float(moments.confidence[0])}


def _why(policy: str, items: tuple[str, ...], category: Any, moments: Moments) -> str:
    what = f"{len(items)} shown" if items else "nothing shown"
    led = "" if category is None else f", led by {category}"
    return f"{policy}: {what}{led} at confidence {moments.confidence[0]:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What a policy may be built from."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    picker: Picker = field(default_factory=PopularFirst)
    paper: bool = False


POLICIES: dict[str, Callable[[Blueprint], IntentPolicy]] = {
    "Static": lambda plan: Static(plan.picker),
    "Triggers": lambda plan: Triggers(plan.picker),
    "Liquid+Rules": lambda plan: LiquidRules(plan.thresholds, plan.picker),
    "Liquid+Bandits": lambda plan: LiquidBandits(
        plan.thresholds, plan.picker, paid_for_nothing=plan.paper
    ),
}


def build_policy(name: str, blueprint: Blueprint | None = None) -> IntentPolicy:
    """The policy registered under a name.

    >>> build_policy("Static").name
    'Static'
    """
    if name not in POLICIES:
        raise UnknownName(f"no policy {name!r}; known: {sorted(POLICIES)}")
    return POLICIES[name](blueprint or Blueprint())
