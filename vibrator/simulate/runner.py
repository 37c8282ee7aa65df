"""Policies rehearsed side by side on the same events, seed by seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.bandits.bandit import BANDITS, Bandit, bandit
from vibrator.bandits.egreedy_v1 import FEATURES
from vibrator.bandits.pending import DelayedRewards
from vibrator.errors import BadInput, UnknownName
from vibrator.simulate.world import POLICY_STREAM, Episode, World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ORACLE = "oracle"
LINEAR = ("epsilon-greedy", "linucb", "lints", "squarecb", "softmax")
DEFAULT_LINEUP = ("random", "epsilon-greedy", "linucb", "lints")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed: policies (`linucb`, `lints:scale=0.2`) on how many events and seeds."""

    policies: tuple[str, ...] = DEFAULT_LINEUP
    events: int = 1000
    seeds: int = 5
    first_seed: int = 0
    world: World = field(default_factory=World)
    for_each_person: bool = True  # a model a person, as in production, or one for all

    def __post_init__(self) -> None:
        if not self.policies or len(set(self.policies)) < len(self.policies):
            raise BadInput(f"policies must be at least one, all different, got {self.policies}")
        for name in ("events", "seeds"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        for policy in self.policies:
            contender(policy, self.world.candidates)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One policy on one seed; arrays have an entry an event, `expected` only where it is known."""

    policy: str
    seed: int
    places: NDArray[np.intp]
    propensities: Floats
    actions: tuple[str, ...]
    dwell_ms: Floats
    rewards: Floats
    personas: tuple[str, ...]
    hours: NDArray[np.intp]
    days: NDArray[np.intp]
    expected: Floats | None = None
    best: Floats | None = None

    @property
    def mean_reward(self) -> float:
        """The mean of what was earned."""
        return float(self.rewards.mean())

    @property
    def regret(self) -> Floats | None:
        """Expected reward of the best tip less that of the one shown, an entry an event."""
        if self.expected is None or self.best is None:
            return None
        return np.asarray(self.best - self.expected)


def contender(text: str, candidates: int) -> Callable[[], Bandit]:
    """A maker of fresh bandits from `name` or `name:option=number,…`."""
    name, _, settings = text.partition(":")
    known = ("random", *LINEAR)
    if name not in known or name not in BANDITS:
        raise UnknownName(f"no policy {name!r} can rank tips by their features; known: {known}")
    options: dict[str, Any] = dict(map(_option, settings.split(","))) if settings else {}
    if name in LINEAR:
        options["shared"] = True
    arms = [str(place) for place in range(candidates)]

    def fresh() -> Bandit:
        return bandit(name, arms=arms, d=len(FEATURES), **options)

    fresh()
    return fresh


def _option(text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    try:
        return key, float(value)
    except ValueError:
        raise BadInput(f"a policy option looks like epsilon=0.1, got {text!r}") from None


def rehearse_seed(plan: Plan, seed: int) -> list[Run]:
    """All policies on the events of one seed, with the oracle where there is one."""
    episode = Episode(plan.world, seed, plan.events)
    expected = episode.expected()
    runs = [_rehearse(plan, policy, episode, expected) for policy in plan.policies]
    if expected is not None:
        runs.append(_recorded(ORACLE, episode, expected.argmax(axis=1), None, expected))
    return runs


def _rehearse(plan: Plan, policy: str, episode: Episode, expected: Floats | None) -> Run:
    fresh = contender(policy, plan.world.candidates)
    models: dict[str, DelayedRewards] = defaultdict(lambda: DelayedRewards(fresh()))
    rng = np.random.default_rng([episode.seed, POLICY_STREAM])
    places = np.empty(len(episode.events), dtype=np.intp)
    propensities = np.empty(len(episode.events))
    due: dict[int, list[tuple[DelayedRewards, int, float]]] = defaultdict(list)
    for event in episode.events:
        for model, number, reward in due.pop(event.number, ()):
            model.reward(str(number), reward)
        model = models[event.persona.name if plan.for_each_person else ""]
        choice = model.score(str(event.number), event.features, rng)
        place = int(choice.arm)
        places[event.number], propensities[event.number] = place, choice.propensity
        if event.due is not None:
            verdict = episode.verdict(event, place)
            due[event.due].append((model, event.number, verdict.reward))
    return _recorded(policy, episode, places, propensities, expected)


def _recorded(
    policy: str,
    episode: Episode,
    places: NDArray[np.intp],
    propensities: Floats | None,
    expected: Floats | None,
) -> Run:
    met = [episode.verdict(e, int(k)) for e, k in zip(episode.events, places, strict=True)]
    chosen = None if expected is None else expected[np.arange(len(places)), places]
    return Run(
        policy=policy,
        seed=episode.seed,
        places=places,
        propensities=np.ones(len(places)) if propensities is None else propensities,
        actions=tuple(verdict.action for verdict in met),
        dwell_ms=np.array([verdict.dwell_ms for verdict in met], dtype=np.float64),
        rewards=np.array([verdict.reward for verdict in met], dtype=np.float64),
        personas=tuple(event.persona.name for event in episode.events),
        hours=np.array([event.hour for event in episode.events]),
        days=np.array([event.day_of_week for event in episode.events]),
        expected=chosen,
        best=None if expected is None else expected.max(axis=1),
    )


def stream(plan: Plan, *, workers: int = 1) -> Iterator[list[Run]]:
    """The runs of each seed as soon as they are there, seeds in order."""
    seeds = range(plan.first_seed, plan.first_seed + plan.seeds)
    if workers > 1 and hasattr(plan.world.judge, "report"):
        raise BadInput("a judge with a budget and a tally works in one process: workers=1")
    if workers <= 1:
        yield from (rehearse_seed(plan, seed) for seed in seeds)
        return
    with ProcessPoolExecutor(min(workers, plan.seeds), mp_context=get_context("spawn")) as pool:
        yield from pool.map(rehearse_seed, [plan] * plan.seeds, seeds)


def rehearse(
    plan: Plan, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> list[Run]:
    """All runs; `progress` is told seeds done and seeds in all."""
    runs: list[Run] = []
    for done, more in enumerate(stream(plan, workers=workers), start=1):
        runs += more
        if progress is not None:
            progress(done, plan.seeds)
    return runs


def by_policy(runs: Sequence[Run]) -> Mapping[str, list[Run]]:
    """Runs by policy, both in the order they came."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.policy, []).append(run)
    return grouped
