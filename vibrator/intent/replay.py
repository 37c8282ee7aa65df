"""What policies would have done along an event log, judged by what people did next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.checks import require_finite
from vibrator.errors import BadInput
from vibrator.intent.judge import Judge, Shelf
from vibrator.intent.log import Timeline, lay_out
from vibrator.intent.points import Points, decision_points
from vibrator.intent.policies import Blueprint, Thresholds, build_policy
from vibrator.intent.state import require_half_lives

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PAPER_POLICIES = ("Static", "Triggers", "Liquid+Rules", "Liquid+Bandits")
TRUST_WEIGHT = 0.4  # what one breach of trust costs, in conversions
MIN_DECISIONS = 3
BLOCK = 1_000_000  # events, or cells of state, that are worked on at once


def evaluate_policies_on_event_log(  # noqa: PLR0913 - published names, the keys of the configuration
    events: pd.DataFrame,
    item_to_cat_idx: Mapping[Any, int],
    n_categories: int,
    *,
    half_life_fast_days: float = 1.0,
    half_life_slow_days: float = 7.0,
    theta: float = 0.55,
    theta_safe: float = 0.65,
    top_k: int = 10,
    bandit_epsilon: float = 0.05,
    trust_weight: float = TRUST_WEIGHT,
    policies: Sequence[str] = PAPER_POLICIES,
    seed: int = 0,
    paper: bool = False,
) -> pd.DataFrame:
    """A row a user: conversion (`conv_`), trust breaches (`trust_`) and volume (`vol_`) by policy.

    Each user's last events (5 at most, a fifth of short histories) are decision points: at each
    of them every policy decides on what was known then, and the next event judges. `paper` keeps
    the choices of the paper that the default mends: it decides before the event at hand is taken
    in, pays a bandit for doing nothing, and leaves ties in the order of pandas' sort.
    """
    thresholds = Thresholds(
        theta=theta, theta_safe=theta_safe, top_k=top_k, bandit_epsilon=bandit_epsilon
    )
    require_finite("trust_weight", trust_weight)
    if not policies or len(set(policies)) < len(policies):
        raise BadInput(f"policies must be at least one, all different, got {list(policies)}")
    half_lives = require_half_lives(half_life_fast_days, half_life_slow_days)
    timeline = lay_out(events, item_to_cat_idx, n_categories, paper=paper)
    shelf = Shelf.of(timeline, paper=paper)
    built = [build_policy(name, Blueprint(thresholds=thresholds, paper=paper)) for name in policies]
    dice = [np.random.default_rng(seed) for _ in built]  # one each: none disturbs another
    frames = []
    for users in _blocks(timeline):
        points = decision_points(timeline, users, half_lives, before=paper)
        judge = Judge(points, shelf, trust_weight)
        columns = {}
        for policy, rng in zip(built, dice, strict=True):
            slates = policy.rehearse(points.moments, judge.net, rng)
            columns[f"conv_{policy.name}"] = judge.conversion(slates)
            columns[f"trust_{policy.name}"] = judge.trust(slates)
            columns[f"vol_{policy.name}"] = judge.shown(slates)
        frames.append(_user_means(timeline, points, columns))
    per_user = pd.concat(frames, ignore_index=True)
    if per_user.empty:
        raise BadInput(f"events must have a user with {MIN_DECISIONS} decisions, got none")
    return per_user


def _blocks(timeline: Timeline) -> Iterator[range]:
    """Users in order, in blocks whose events and whose states stay within bounds."""
    first, most = 0, max(BLOCK // timeline.n_categories, 1)
    while first < len(timeline.start):
        full = np.searchsorted(timeline.end, timeline.start[first] + BLOCK, side="right")
        last = min(max(int(full), first + 1), first + most)
        yield range(first, last)
        first = last


def _user_means(timeline: Timeline, points: Points, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """The mean of every column for each user with decisions enough."""
    counts = np.bincount(points.user)
    enough = np.flatnonzero(counts >= MIN_DECISIONS)
    means = {
        name: np.bincount(points.user, values)[enough] / counts[enough]
        for name, values in columns.items()
    }
    ids = timeline.user_ids[points.first_user + enough]
    return pd.DataFrame({"user_id": ids, "n_decisions": counts[enough], **means})
