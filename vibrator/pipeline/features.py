"""What a learned scorer looks at: the published four and more, each with a name and a meaning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.pipeline.co_engagement import Agreement
from vibrator.pipeline.item_history import ItemHistory
from vibrator.profile import FAST, Reading
from vibrator.vectors import logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEANINGS = {
    "user_to_slider": "how near the person is to the slider",
    "item_to_slider": "how near the content is to the slider",
    "user_item_alignment": "how near the content is to what the person did",
    "recency": "how fresh the person's newest action is",
    "zero_shot": "log odds that the zero-shot scorer gives",
    "slider_agreement": "whether person and content lean to the same sliders",
    "best_similarity": "likeness to the nearest recent action",
    "top3_similarity": "mean likeness to the three nearest recent actions",
    "negative_similarity": "likeness to the nearest recent action of negative weight",
    "fast_over_slow": "how much nearer the content is to today's person than to their usual self",
    "item_standing": "mean weight that the content had with everybody, shrunk",
    "item_popularity": "log of the actions on the content",
    "item_freshness": "log of the days since the content was first touched",
    "person_leaning": "how much better the person receives things than others do, shrunk",
    "person_lately": "the same, of the last few actions",
    "similar_outcomes": "how the person received contents that read alike",
    "co_engagement": "how the person received contents that go with this one for others",
    "person_activity": "log of the decayed sum of what is known of the person",
    "position": "log of the place at which the content was shown",
}
NAMES = tuple(MEANINGS)
AT = {name: place for place, name in enumerate(NAMES)}
OF_SLIDERS = ("user_to_slider", "item_to_slider", "zero_shot")  # these differ between sliders
RISING = (  # in these more can only speak for the content
    "user_to_slider", "item_to_slider", "user_item_alignment", "zero_shot", "slider_agreement",
    "best_similarity", "top3_similarity", "similar_outcomes", "co_engagement",
)  # fmt: skip
RING = 16  # newest actions that are looked at one by one
DAY = 86_400.0
LEANING_SHRINK, LATELY_SHRINK, LIKENESS_SHRINK = 5.0, 2.0, 5.0
LATELY = 5.0  # actions back that weigh half
WARMTH = 0.1  # of the kernel exp(cosine / warmth): texts nearer by 0.07 weigh twice
UNRELATED = float(np.exp(0.3 / WARMTH))  # what the kernel says of texts that share little
AGREEMENT_SHRINK = 0.5
SMALLEST = 1e-300
SHARPNESS = 10.0  # of the softmax that says which sliders a content belongs to


class Ring(NamedTuple):
    """The newest actions of people, a row each (or one row for all), oldest first."""

    places: Any  # in the item history
    weights: Floats
    residuals: Floats  # weights less what was to be expected of the items then
    times: Floats
    valid: Any  # which are there

    @classmethod
    def of_reading(cls, reading: Reading | None, history: ItemHistory, now: float) -> Ring:
        """One row: an action without a time counts as now."""
        if reading is None or not reading.actions:
            return cls(*(np.zeros((1, 0), dtype) for dtype in (np.intp, float, float, float, bool)))
        actions = [reading.actions[place] for place in _newest(reading)]
        times = np.array([_seconds(action, now) for action in actions])
        weights = np.array([action.weight for action in actions])
        places = history.places([action.content for action in actions])
        residuals = weights - history.standing(places, times).mean
        valid = np.ones(len(actions), dtype=bool)
        return cls(*(row[None] for row in (places, weights, residuals, times, valid)))

    def padded(self) -> Ring:
        """RING columns."""
        missing = RING - self.valid.shape[1]
        return Ring(*(np.pad(column, ((0, 0), (0, missing))) for column in self))


class Seen(NamedTuple):
    """Rows of a person and a content, before anybody else's actions are looked up."""

    known: Any  # whether there is a person, a row each or one row for all
    evidence: Floats  # alike
    recency: Floats  # alike
    to_sliders: Floats  # alike, x sliders
    ring: Ring  # alike, x RING at most
    alignment: Floats  # rows
    likeness: Floats  # rows x RING at most: content to the newest actions
    belongs: Floats  # rows x sliders: likeness of content to slider
    item: Any  # rows, in the item history
    now: Floats  # rows, or one for all

    @classmethod
    def of_reading(
        cls, scorer: Any, reading: Reading | None, vectors: Floats, items: Any, now: float,
        history: ItemHistory,
    ) -> Seen:  # fmt: skip
        """One person with some contents (rows of vectors, at places of the history)."""
        ring = Ring.of_reading(reading, history, now)
        sliders, when = scorer.slider_vectors, np.array([now])
        belongs = vectors @ sliders.T
        if reading is None:
            nothing = np.zeros(1)
            nobody = np.zeros((1, len(sliders)))
            likeness = np.zeros((len(vectors), 0))
            return cls(nothing > 0, nothing, nothing, nobody, ring, np.zeros(len(vectors)),
                       likeness, belongs, items, when)  # fmt: skip
        likeness = np.zeros((len(vectors), 0))
        if reading.actions:
            newest = np.asarray(reading.vectors)[_newest(reading)]
            likeness = (vectors @ newest.T) * (ring.weights != 0)
        return cls(
            np.array([True]),
            np.array([reading.evidence]),
            np.array([scorer.recency(reading)]),
            (sliders @ reading.vector)[None],
            ring,
            vectors @ reading.vector,
            likeness,
            belongs,
            items,
            when,
        )

    def spread(self) -> Seen:
        """Every column with all its rows, so that it can be stacked."""
        rows, missing = len(self.item), RING - self.likeness.shape[1]
        ring = Ring(*(np.broadcast_to(part, (rows, RING)) for part in self.ring.padded()))
        out = self._replace(ring=ring, likeness=np.pad(self.likeness, ((0, 0), (0, missing))))
        return out._replace(
            known=np.broadcast_to(self.known, rows),
            evidence=np.broadcast_to(self.evidence, rows),
            recency=np.broadcast_to(self.recency, rows),
            to_sliders=np.broadcast_to(self.to_sliders, (rows, self.to_sliders.shape[1])),
            now=np.broadcast_to(self.now, rows),
        )

    @classmethod
    def stack(cls, parts: Sequence[Seen]) -> Seen:
        """Many as one."""
        rings = Ring(*map(np.concatenate, zip(*(part.ring for part in parts), strict=True)))
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in cls._fields
            if name != "ring"
        }
        return cls(ring=rings, **columns)

    def pick(self, rows: Any) -> Seen:
        """Some of them."""
        ring = Ring(*(part[rows] for part in self.ring))
        return Seen(*(ring if part is self.ring else part[rows] for part in self))


def table(seen: Seen, history: ItemHistory, agreement: Agreement | None) -> Floats:
    """Rows x NAMES with everybody's actions before each row's moment looked up.

    What differs between sliders is filled in by `of_sliders` or `of_contents`.
    """
    out = np.zeros((len(seen.item), len(NAMES)))
    out[:, AT["user_item_alignment"]] = seen.alignment
    out[:, AT["recency"]] = seen.recency
    out[:, AT["person_activity"]] = np.log1p(seen.evidence)
    shares = np.exp(SHARPNESS * seen.belongs)
    out[:, AT["slider_agreement"]] = (shares * seen.to_sliders).sum(axis=1) / shares.sum(axis=1)
    stood = history.standing(seen.item, seen.now)
    out[:, AT["item_standing"]] = stood.mean
    out[:, AT["item_popularity"]] = np.log1p(stood.events)
    out[:, AT["item_freshness"]] = np.log1p(history.age(seen.item, seen.now) / DAY)
    if seen.likeness.shape[1]:
        _similarities(out, seen)
        _leanings(out, seen, agreement)
    return out


def of_sliders(scorer: Any, seen: Seen) -> Floats:
    """Rows x sliders x OF_SLIDERS."""
    out = np.empty((*seen.belongs.shape, len(OF_SLIDERS)))
    out[:, :, 0] = seen.to_sliders
    out[:, :, 1] = seen.belongs
    likes = scorer.zero_shot.likes(seen.alignment, seen.evidence)[:, None]
    out[:, :, 2] = logit(belonging(scorer, seen) * likes)
    return out


def of_contents(scorer: Any, seen: Seen) -> Floats:
    """Log odds by the zero-shot scorer that the person likes each content, whatever the slider."""
    zero_shot = scorer.zero_shot
    slope = zero_shot.alignment * zero_shot.trust(seen.evidence)
    return np.asarray(zero_shot.lean + slope * seen.alignment)


def belonging(scorer: Any, seen: Seen) -> Floats:
    """Rows x sliders: the chance that contents belong to sliders."""
    return np.asarray(scorer.zero_shot.belongs(seen.belongs, scorer.prior_logits))


def _similarities(out: Floats, seen: Seen) -> None:
    ring, near = seen.ring, seen.likeness
    liked = np.where(ring.valid & (ring.weights > 0), near, -np.inf)
    top = np.partition(liked, -3, axis=1)[:, -3:] if liked.shape[1] > 3 else liked
    there = np.isfinite(top)
    count = there.sum(axis=1)
    out[:, AT["best_similarity"]] = np.where(count, top.max(axis=1), 0.0)
    out[:, AT["top3_similarity"]] = np.where(there, top, 0.0).sum(axis=1) / np.maximum(count, 1)
    refused = np.where(ring.valid & (ring.weights < 0), near, -np.inf).max(axis=1)
    out[:, AT["negative_similarity"]] = np.where(np.isfinite(refused), refused, 0.0)
    newest = np.where(ring.valid, ring.times, -np.inf).max(axis=1, keepdims=True)
    age = np.where(ring.valid, newest - ring.times, 0.0)
    fade = np.where(ring.valid, ring.weights * np.exp2(-age / FAST.total_seconds()), 0.0)
    mass = np.maximum(np.abs(fade).sum(axis=1), SMALLEST)
    fast = (near * fade).sum(axis=1) / mass
    empty = ~ring.valid.any(axis=1)
    out[:, AT["fast_over_slow"]] = np.where(empty, 0.0, 2.0 * (fast - seen.alignment))


def _leanings(out: Floats, seen: Seen, agreement: Agreement | None) -> None:
    """How people received things: overall, lately, what reads alike, what goes together."""
    ring = seen.ring
    residual = np.where(ring.valid, ring.residuals, 0.0)
    size = ring.valid.sum(axis=1)
    leaning = residual.sum(axis=1) / (size + LEANING_SHRINK)
    back = np.maximum(size[:, None] - 1 - np.arange(ring.valid.shape[1]), 0)
    fade = np.where(ring.valid, np.exp2(-back / LATELY), 0.0)
    own = np.where(ring.valid, residual - leaning[:, None], 0.0)
    kernel = np.where(ring.valid, np.exp(seen.likeness / WARMTH), 0.0)
    out[:, AT["person_leaning"]] = leaning
    out[:, AT["person_lately"]] = (fade * residual).sum(1) / (fade.sum(1) + LATELY_SHRINK)
    out[:, AT["similar_outcomes"]] = (kernel * own).sum(1) / (
        kernel.sum(1) + LIKENESS_SHRINK * UNRELATED
    )
    if agreement is not None:
        pull = np.where(ring.valid, agreement.of(seen.item[:, None], ring.places), 0.0)
        mass = np.abs(pull).sum(axis=1) + AGREEMENT_SHRINK
        out[:, AT["co_engagement"]] = (pull * own).sum(axis=1) / mass


def _newest(reading: Reading) -> Any:
    """Places of the newest actions, oldest first; those without a time come last."""
    times = [_seconds(action, np.inf) for action in reading.actions]
    return np.argsort(times, kind="stable")[-RING:]


def _seconds(action: Any, otherwise: float) -> float:
    return otherwise if action.timestamp is None else float(action.timestamp.timestamp())
