"""What a rehearsal showed: rewards, regret, actions, personas, and differences in pairs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from vibrator.errors import BadInput
from vibrator.simulate.judges import ACTIONS
from vibrator.simulate.runner import Run, by_policy
from vibrator.stats.power import units_for_means
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PolicyRow(Row):
    """One policy over all seeds; the interval is over seeds, regret is a sum over events.

    One seed gives no interval, and a judge that knows no expectations gives no regret.
    """

    policy: str
    reward: float
    low: float | None
    high: float | None
    regret: float | None
    done: float
    snooze: float
    dismiss: float


@dataclass(frozen=True, slots=True)
class Difference(Row):
    """A policy less the baseline on the same events, paired by seed.

    `events` is how many events an arm a live A/B test would need to see this difference.
    """

    policy: str
    baseline: str
    difference: float
    low: float | None
    high: float | None
    verdict: str
    events: float | None


def policy_rows(runs: Sequence[Run]) -> list[PolicyRow]:
    """A row a policy, best first."""
    rows = [_policy_row(policy, mine) for policy, mine in by_policy(runs).items()]
    return sorted(rows, key=lambda row: -row.reward)


def _policy_row(policy: str, runs: Sequence[Run]) -> PolicyRow:
    rewards = np.array([run.mean_reward for run in runs])
    half = _half_width(rewards)
    shares = action_shares(runs)
    regrets = [run.regret for run in runs]
    known = [regret.sum() for regret in regrets if regret is not None]
    return PolicyRow(
        policy,
        float(rewards.mean()),
        *_ends(float(rewards.mean()), half),
        float(np.mean(known)) if known else None,
        **{action: shares.get(action, 0.0) for action in ACTIONS},
    )


def differences(runs: Sequence[Run], baseline: str, *, level: float = 0.95) -> list[Difference]:
    """Every other policy against the baseline."""
    grouped = by_policy(runs)
    if baseline not in grouped:
        raise BadInput(f"no policy {baseline!r} was rehearsed; there are {list(grouped)}")
    base = {run.seed: run for run in grouped[baseline]}
    return [
        _difference(policy, baseline, [(run, base[run.seed]) for run in mine], level)
        for policy, mine in grouped.items()
        if policy != baseline
    ]


def _difference(
    policy: str, baseline: str, pairs: Sequence[tuple[Run, Run]], level: float
) -> Difference:
    gaps = np.array([mine.mean_reward - theirs.mean_reward for mine, theirs in pairs])
    gap, half = float(gaps.mean()), _half_width(gaps, level)
    spread = float(np.concatenate([run.rewards for pair in pairs for run in pair]).std())
    events = units_for_means(gap, sd=spread) if gap and spread else None
    verdict = "better" if gap - half > 0 else "worse" if gap + half < 0 else "not told apart"
    return Difference(policy, baseline, gap, *_ends(gap, half), verdict, events)


def _half_width(values: Floats, level: float = 0.95) -> float:
    """Student's; one seed says nothing about the spread of seeds."""
    if len(values) < 2:
        return math.inf
    spread = values.std(ddof=1) / math.sqrt(len(values))
    return float(student.isf((1 - level) / 2, len(values) - 1) * spread)


def _ends(middle: float, half: float) -> tuple[float | None, float | None]:
    return (middle - half, middle + half) if math.isfinite(half) else (None, None)


def action_shares(runs: Sequence[Run]) -> dict[str, float]:
    """How often each action came, among all events."""
    counts = Counter(action for run in runs for action in run.actions)
    return {action: count / counts.total() for action, count in sorted(counts.items())}


def persona_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Mean reward and share done of every policy with every persona."""
    rows = []
    for policy, mine in by_policy(runs).items():
        names = np.concatenate([np.array(run.personas) for run in mine])
        rewards = np.concatenate([run.rewards for run in mine])
        done = np.concatenate([np.array(run.actions) == "done" for run in mine])
        rows += [
            {
                "policy": policy,
                "persona": str(name),
                "events": int((names == name).sum()),
                "reward": float(rewards[names == name].mean()),
                "done": float(done[names == name].mean()),
            }
            for name in np.unique(names)
        ]
    return rows


@dataclass(frozen=True, slots=True)
class Curve:
    """The mean reward so far after some events, with a band over seeds."""

    policy: str
    events: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def reward_curves(runs: Sequence[Run], *, points: int = 40, skip: float = 0.05) -> list[Curve]:
    """The reward curve of every policy; the first events, all noise, are left out."""
    curves = []
    for policy, mine in by_policy(runs).items():
        count = len(mine[0].rewards)
        first = max(1, int(skip * count))
        at = np.unique(np.linspace(first, count, min(points, count)).astype(int))
        sums = np.stack([np.cumsum(run.rewards) for run in mine])
        means = sums[:, at - 1] / at
        middle = means.mean(axis=0)
        half = np.array([_half_width(column) for column in means.T])
        half = np.where(np.isfinite(half), half, 0.0)
        numbers = (_floats(line) for line in (middle, middle - half, middle + half))
        curves.append(Curve(policy, tuple(int(n) for n in at), *numbers))
    return curves


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
