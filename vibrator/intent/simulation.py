"""The illustrative simulation of LAMF: what governed timing is worth on a planted population."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit

from vibrator.checks import require_count, require_finite, require_positive, require_share
from vibrator.decay import fade
from vibrator.errors import BadInput
from vibrator.intent.policies import (
    POLICIES,
    Blueprint,
    IntentPolicy,
    LiquidRules,
    Moments,
    Thresholds,
    build_policy,
)
from vibrator.intent.replay import TRUST_WEIGHT
from vibrator.intent.summary import ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

WEEK_DAYS = 7.0
ONSET_SHARE, MEAN_INTENSITY = 0.7, 1.5  # onset within this share of the horizon; Exp(mean)
EVENT_RATE, EVENT_BOOST = 0.3, 0.5  # events a day per unit of intent; what one adds to the score


@dataclass(frozen=True, slots=True)
class Manner:
    """How well a policy acts: the effect of its action, and how often it misses the intent."""

    effect: float
    mismatch: float
    late: float = 0.0


MANNERS = {
    "Static": Manner(0.20, 0.30, late=1.0),
    "Triggers": Manner(0.20, 0.10),
    "Liquid+Rules": Manner(0.35, 0.05),
    "Liquid+Bandits": Manner(0.45, 0.04),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The planted world: how intent comes, fades and answers to being acted on."""

    n_users: int = 25_000
    days: float = 45.0
    step_days: float = 0.25
    half_life_days: float = 3.0
    ttl_days: float = 2.0
    theta: float = 1.0
    static_lag_days: float = 2.0
    cap_per_week: int = 3
    exploration: float = 0.05
    alpha: float = 1.2  # conversion logit per unit of score
    gamma: float = 2.0  # conversion logit lost by being late
    trust_logit: tuple[float, float, float, float] = (-4.2, 0.35, 1.2, 1.0)
    manners: dict[str, Manner] = field(default_factory=lambda: dict(MANNERS))

    def __post_init__(self) -> None:
        for name in ("days", "step_days", "half_life_days", "ttl_days"):
            require_positive(name, getattr(self, name))
        for name in ("n_users", "cap_per_week"):
            require_count(name, getattr(self, name))
        for name in ("theta", "static_lag_days", "alpha", "gamma"):
            require_finite(name, getattr(self, name))
        require_share("exploration", self.exploration)
        if len(self.trust_logit) != 4:
            raise BadInput(f"trust_logit must have four numbers, got {self.trust_logit!r}")
        for number in self.trust_logit:
            require_finite("trust_logit", number)
        self._check_manners()

    def _check_manners(self) -> None:
        unknown = sorted(self.manners.keys() - AUDIENCES.keys() | self.manners.keys() - POLICIES)
        if unknown:
            raise BadInput(f"manners must be of policies with an audience, got {unknown}")
        for name, manner in self.manners.items():
            if not isinstance(manner, Manner):
                raise BadInput(f"manners of {name} must be a Manner, got {manner!r}")


@dataclass(frozen=True, slots=True)
class Instant:
    """What is true of every user at one step."""

    raw: Floats
    raw_before: Floats  # as a batch segment of some days ago still has it
    score: Floats
    event: Bools
    fresh: Bools


@dataclass(slots=True)
class Tally:
    """What became of one policy so far."""

    policy: IntentPolicy
    manner: Manner
    sent_this_week: NDArray[np.int64]
    eligible: int = 0
    conversions: int = 0
    messages: int = 0
    trust_events: int = 0


def _batch(instant: Instant, gate: LiquidRules) -> Bools:
    return np.asarray(instant.raw_before >= gate.thresholds.theta)


def _on_event(instant: Instant, gate: LiquidRules) -> Bools:  # noqa: ARG001 - audiences are called alike
    return instant.event


def _confident(instant: Instant, gate: LiquidRules) -> Bools:
    anywhere = np.zeros(len(instant.score), dtype=np.intp)
    slates = gate.plan(Moments(instant.score, anywhere, anywhere, anywhere))
    return np.asarray(instant.fresh & (slates.size > 0))


AUDIENCES = {
    "Static": _batch,
    "Triggers": _on_event,
    "Liquid+Rules": _confident,
    "Liquid+Bandits": _confident,
}


def simulate_policies(
    scenario: Scenario | None = None, seeds: Iterable[int] = range(10)
) -> pd.DataFrame:
    """A row a seed and policy: who was eligible, what converted, what cost trust."""
    world = scenario or Scenario()
    rows = [row for seed in seeds for row in _one_seed(world, seed)]
    if not rows:
        raise BadInput("seeds must be at least one")
    return pd.DataFrame(rows)


def rank_simulation(per_seed: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Friedman and Nemenyi over the seeds."""
    names = list(dict.fromkeys(per_seed["policy"]))
    labels = {"conv": "conversion_rate", "trust": "trust_event_rate"}
    tables = {
        short: per_seed.pivot_table(index="seed", columns="policy", values=rate)[names]
        for short, rate in labels.items()
    }
    return ranked(tables, labels, names)


def _one_seed(world: Scenario, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    onset = rng.uniform(0.0, ONSET_SHARE * world.days, world.n_users)
    intensity = rng.exponential(MEAN_INTENSITY, world.n_users)
    limits = Thresholds(
        theta=world.theta, theta_safe=world.theta, top_k=1, bandit_epsilon=world.exploration
    )
    gate = LiquidRules(limits)
    tallies = [
        Tally(
            build_policy(name, Blueprint(thresholds=limits)),
            manner,
            np.zeros(world.n_users, dtype=np.int64),
        )
        for name, manner in world.manners.items()
    ]
    for step in range(round(world.days / world.step_days)):
        now = step * world.step_days
        instant = _instant(world, now, onset, intensity, rng)
        for tally in tallies:
            if now // WEEK_DAYS > (now - world.step_days) // WEEK_DAYS:
                tally.sent_this_week[:] = 0
            audience = AUDIENCES[tally.policy.name](instant, gate)
            who = np.flatnonzero(audience & (tally.sent_this_week < world.cap_per_week))
            if len(who):
                _act(world, instant.score[who], who, tally, rng)
    return [_row(seed, tally) for tally in tallies]


def _instant(
    world: Scenario, now: float, onset: Floats, intensity: Floats, rng: np.random.Generator
) -> Instant:
    age = now - onset
    raw = intensity * fade(age, half_life=world.half_life_days)
    before = intensity * fade(age - world.static_lag_days, half_life=world.half_life_days)
    event = rng.random(len(onset)) < -np.expm1(-EVENT_RATE * raw * world.step_days)
    score = raw + EVENT_BOOST * intensity * event
    return Instant(raw, before, score, event, (age <= world.ttl_days) | event)


def _act(
    world: Scenario, score: Floats, who: NDArray[np.intp], tally: Tally, rng: np.random.Generator
) -> None:
    """One decision for everybody who is eligible, as for one person whose mean is its worth."""
    converted, breached = _answers(world, score, tally.sent_this_week[who], tally.manner, rng)
    worth = converted.mean() - TRUST_WEIGHT * breached.mean()
    nowhere = np.zeros(1, dtype=np.intp)
    crowd = Moments(score.min(keepdims=True), nowhere, nowhere, nowhere)
    slates = tally.policy.rehearse(crowd, lambda slates: worth * (slates.size > 0), rng)
    tally.eligible += len(who)
    if slates.size[0]:
        tally.sent_this_week[who] += 1
        tally.messages += len(who)
        tally.conversions += int(converted.sum())
        tally.trust_events += int(breached.sum())


def _answers(
    world: Scenario,
    score: Floats,
    sent: NDArray[np.int64],
    manner: Manner,
    rng: np.random.Generator,
) -> tuple[Bools, Bools]:
    """Who converts and whose trust suffers, if a message is sent."""
    base, per_cap, late, missed = world.trust_logit
    mismatch = rng.random(len(score)) < manner.mismatch
    convert = expit(world.alpha * score + manner.effect - world.gamma * manner.late)
    suffer = expit(
        base + per_cap * sent / world.cap_per_week + late * manner.late + missed * mismatch
    )
    return rng.random(len(score)) < convert, rng.random(len(score)) < suffer


def _row(seed: int, tally: Tally) -> dict[str, Any]:
    return {
        "seed": seed,
        "policy": tally.policy.name,
        "eligible_activations": tally.eligible,
        "conversions": tally.conversions,
        "conversion_rate": tally.conversions / max(tally.eligible, 1),
        "messages_sent": tally.messages,
        "trust_events": tally.trust_events,
        "trust_event_rate": tally.trust_events / max(tally.messages, 1),
    }
