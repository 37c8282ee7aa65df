"""What is learned from: an anchor, what went with it, what did not; mined from logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from vibrator.actions import UserAction
from vibrator.checks import require_aware, require_share, require_text
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput


@dataclass(frozen=True, slots=True)
class Triplet:
    """For this person the anchor goes with the positive rather than with the negative."""

    anchor: str
    positive: str
    negative: str
    user_id: str
    at: datetime

    def __post_init__(self) -> None:
        for name in ("anchor", "positive", "negative", "user_id"):
            require_text(name, getattr(self, name))
        object.__setattr__(self, "at", require_aware("at", self.at))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Triplets in three parts: to learn from, of people never seen, and of a time never seen."""

    train: tuple[Triplet, ...]
    users: tuple[Triplet, ...]
    later: tuple[Triplet, ...]


def mine_actions(actions: Iterable[UserAction], *, per_user: int = 100) -> list[Triplet]:
    """What a person turned to next, against what the same person turned away from about then.

    An action of positive weight is an anchor for the next one; its negative is the action of
    negative weight nearest in time, or of the same slate where `metadata["slate"]` names one.
    People with nothing negative give no triplets. The last `per_user` of each person are kept.
    """
    by_user: dict[str, list[UserAction]] = defaultdict(list)
    for place, action in enumerate(actions):
        if action.user_id is None or action.timestamp is None:
            lacking = "user_id" if action.user_id is None else "timestamp"
            raise BadInput(
                "actions to learn from need a user_id and a timestamp,"
                f" actions[{place}] has no {lacking}"
            )
        by_user[action.user_id].append(action)
    return [triplet for own in by_user.values() for triplet in _of_one(own)[-per_user:]]


def mine_decisions(
    decisions: Iterable[Decision],
    outcomes: Iterable[Outcome],
    texts: Mapping[str, str],
    anchors: Mapping[str, str],
) -> list[Triplet]:
    """What was rewarded of a slate, against what of the same slate was not.

    `texts` are the words of items by id, `anchors` the words a person stood for by user id.
    """
    rewarded: dict[str, set[str]] = defaultdict(set)
    for outcome in outcomes:
        if outcome.item_id is not None and (outcome.reward or 0.0) > 0:
            rewarded[outcome.decision_id].add(outcome.item_id)
    triplets = []
    for decision in decisions:
        liked = rewarded[decision.decision_id]
        left = [item for item in decision.chosen if item not in liked]
        triplets += [
            Triplet(
                anchors[decision.user_id], texts[item], texts[other], decision.user_id, decision.at
            )
            for item in decision.chosen
            if item in liked
            for other in left
            if texts[item] != texts[other]
        ]
    return triplets


def hold_out(
    triplets: Sequence[Triplet], *, seed: int, users: float = 0.2, later: float = 0.1
) -> HeldOut:
    """Some people kept away whole; of the others, the last share of the time kept away too."""
    require_share("users", users)
    require_share("later", later)
    everyone = sorted({triplet.user_id for triplet in triplets})
    if len(everyone) < 2:
        raise BadInput(f"holding people out needs at least 2 of them, got {len(everyone)}")
    count = min(max(1, round(users * len(everyone))), len(everyone) - 1)
    away = set(np.random.default_rng(seed).permutation(everyone)[:count].tolist())
    known = sorted((t for t in triplets if t.user_id not in away), key=lambda t: t.at)
    cut = len(known) - int(later * len(known))
    return HeldOut(
        train=tuple(known[:cut]),
        users=tuple(t for t in triplets if t.user_id in away),
        later=tuple(known[cut:]),
    )


def _of_one(actions: list[UserAction]) -> list[Triplet]:
    ordered = sorted(actions, key=_when)
    liked = [action for action in ordered if action.weight > 0]
    disliked = [action for action in ordered if action.weight < 0]
    return [
        Triplet(before.content, after.content, negative.content, str(after.user_id), _when(after))
        for before, after in pairwise(liked)
        if disliked
        for negative in [min(disliked, key=lambda other: _distance(after, other))]
        if negative.content != after.content
    ]


def _distance(action: UserAction, other: UserAction) -> tuple[bool, float]:
    slate = action.metadata.get("slate")
    elsewhere = slate is None or other.metadata.get("slate") != slate
    return elsewhere, abs((_when(action) - _when(other)).total_seconds())


def _when(action: UserAction) -> datetime:
    return require_aware("timestamp", action.timestamp)
