"""What a learned scorer looks at: the published four and more, each with a name and a meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.pipeline.item_history import ItemHistory
from vibrator.profile import FAST, Reading
from vibrator.vectors import sigmoid

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
RISING = (  # in these more can only speak for the content
    "user_to_slider", "item_to_slider", "user_item_alignment", "zero_shot", "slider_agreement",
    "best_similarity", "top3_similarity", "similar_outcomes", "co_engagement",
)  # fmt: skip
RING = 16  # newest actions that are looked at one by one
DAY = 86_400.0
LEANING_SHRINK, LATELY_SHRINK, LIKENESS_SHRINK = 5.0, 2.0, 5.0
LATELY = 5.0  # actions back that weigh half
WARMTH = 0.1  # of the kernel exp(cosine / warmth): texts nearer by 0.07 weigh twice
UNRELATED = math.exp(0.3 / WARMTH)  # what the kernel says of texts that share little
AGREEMENT_SHRINK = 0.5
SHARPNESS = 10.0  # of the softmax that says which sliders a content belongs to


class Ring(NamedTuple):
    """The newest actions of a person, oldest first; arrays of equal length."""

    places: Any  # in the item history
    weights: Any
    times: Any  # NaN-free: an action without a time counts as now
    vectors: Any


class Sketch(NamedTuple):
    """A row a person and content, before anybody else's actions are looked up."""

    base: Floats  # rows x NAMES, what needs no lookup filled in
    places: Any  # rows x RING, in the item history
    weights: Any
    times: Any
    likeness: Any
    valid: Any
    item: Any  # rows
    now: Any  # rows

    @classmethod
    def stack(cls, sketches: Sequence[Sketch]) -> Sketch:
        """Many as one."""
        return cls(*(np.concatenate(parts) for parts in zip(*sketches, strict=True)))


def ring_of(reading: Reading | None, history: ItemHistory, now: datetime) -> Ring:
    """The person's newest actions, where they can be found in the history."""
    moment = now.timestamp()
    if reading is None or not reading.actions:
        return Ring(np.empty(0, np.intp), np.empty(0), np.empty(0), None)
    actions, vectors = reading.actions, reading.vectors
    times = np.array([moment if a.timestamp is None else a.timestamp.timestamp() for a in actions])
    newest = np.argsort(times, kind="stable")[-RING:]
    ours = [actions[place] for place in newest]
    weights = np.array([action.weight for action in ours])
    places = history.places([action.content for action in ours])
    return Ring(places, weights, times[newest], np.asarray(vectors)[newest])


def sketch(
    scorer: Any, reading: Reading | None, vectors: Floats, items: Any, now: datetime, history: Any
) -> Sketch:
    """One person with some contents (rows of vectors, at places of the history)."""
    ring = ring_of(reading, history, now)
    rows, size = len(vectors), len(ring.weights)
    base = np.zeros((rows, len(NAMES)))
    likeness = np.zeros((rows, RING))
    if reading is not None:
        alignment = vectors @ reading.vector
        base[:, AT["user_item_alignment"]] = alignment
        base[:, AT["recency"]] = scorer.recency(reading)
        base[:, AT["person_activity"]] = math.log1p(reading.evidence)
        belongs = vectors @ scorer.slider_vectors.T
        shares = np.exp(SHARPNESS * belongs)
        mine = scorer.slider_vectors @ reading.vector
        base[:, AT["slider_agreement"]] = (shares @ mine) / shares.sum(axis=1)
    if size:
        near = vectors @ ring.vectors.T
        likeness[:, :size] = near
        _similarities(base, near, ring)
        fade = ring.weights * np.exp2((ring.times - ring.times[-1]) / FAST.total_seconds())
        fast = near @ fade / max(np.abs(fade).sum(), 1e-300)
        base[:, AT["fast_over_slow"]] = 2.0 * (fast - alignment)
    places, weights, times = (_padded(v, rows) for v in (ring.places, ring.weights, ring.times))
    valid = np.broadcast_to(np.arange(RING) < size, (rows, RING))
    moments = np.full(rows, now.timestamp())
    return Sketch(base, places, weights, times, likeness, valid, np.asarray(items), moments)


def complete(found: Sketch, history: ItemHistory, agreement: Any) -> Floats:
    """The features of rows, with everybody's actions before each row's moment looked up."""
    out = found.base
    stood = history.standing(found.item, found.now)
    out[:, AT["item_standing"]] = stood.mean
    out[:, AT["item_popularity"]] = np.log1p(stood.events)
    out[:, AT["item_freshness"]] = np.log1p(history.age(found.item, found.now) / DAY)
    expected = history.standing(found.places, found.times).mean
    residual = np.where(found.valid, found.weights - expected, 0.0)
    size = found.valid.sum(axis=1)
    leaning = residual.sum(axis=1) / (size + LEANING_SHRINK)
    back = np.maximum(size[:, None] - 1 - np.arange(RING), 0)
    fade = np.where(found.valid, np.exp2(-back / LATELY), 0.0)
    own = np.where(found.valid, residual - leaning[:, None], 0.0)
    kernel = np.where(found.valid, np.exp(found.likeness / WARMTH), 0.0)
    pull = _pairs(agreement, found) * found.valid
    out[:, AT["person_leaning"]] = leaning
    out[:, AT["person_lately"]] = (fade * residual).sum(1) / (fade.sum(1) + LATELY_SHRINK)
    out[:, AT["similar_outcomes"]] = (kernel * own).sum(1) / (
        kernel.sum(1) + LIKENESS_SHRINK * UNRELATED
    )
    out[:, AT["co_engagement"]] = (pull * own).sum(1) / (np.abs(pull).sum(1) + AGREEMENT_SHRINK)
    return out


def of_sliders(scorer: Any, reading: Reading | None, vectors: Floats) -> Floats:
    """Rows x sliders x (user_to_slider, item_to_slider, zero_shot)."""
    sliders = scorer.slider_vectors
    out = np.zeros((len(vectors), len(sliders), 3))
    evidence, alignment = 0.0, np.zeros(len(vectors))
    if reading is not None:
        evidence, alignment = reading.evidence, vectors @ reading.vector
        out[:, :, 0] = sliders @ reading.vector
    out[:, :, 1] = vectors @ sliders.T
    likes = scorer.zero_shot.likes(alignment, evidence)[:, None]
    both = scorer.zero_shot.belongs(out[:, :, 1], scorer.prior_logits) * likes
    out[:, :, 2] = np.log(both) - np.log1p(-both)
    return out


def of_contents(scorer: Any, reading: Reading | None, vectors: Floats) -> Floats:
    """Log odds by the zero-shot scorer that the person likes each content, whatever the slider."""
    if reading is None:
        return np.full(len(vectors), scorer.zero_shot.lean)
    trust = scorer.zero_shot.trust(reading.evidence)
    logits = scorer.zero_shot.lean + scorer.zero_shot.alignment * trust * (vectors @ reading.vector)
    return np.asarray(logits)


def belonging(scorer: Any, vectors: Floats) -> Floats:
    """Rows x sliders: the chance that contents belong to sliders."""
    likeness = vectors @ scorer.slider_vectors.T
    return np.asarray(scorer.zero_shot.belongs(likeness, scorer.prior_logits))


def probability(logits: Any) -> Floats:
    """Where a logit stands between 0 and 1."""
    return sigmoid(logits)


def _similarities(base: Floats, near: Floats, ring: Ring) -> None:
    liked, refused = near[:, ring.weights > 0], near[:, ring.weights < 0]
    if liked.shape[1]:
        top = np.sort(liked, axis=1)[:, -3:]
        base[:, AT["best_similarity"]] = top[:, -1]
        base[:, AT["top3_similarity"]] = top.mean(axis=1)
    if refused.shape[1]:
        base[:, AT["negative_similarity"]] = refused.max(axis=1)


def _padded(values: Any, rows: int) -> Any:
    filler = -1 if values.dtype == np.intp else 0
    row = np.full(RING, filler, dtype=values.dtype)
    row[: len(values)] = values
    return np.broadcast_to(row, (rows, RING))


def _pairs(agreement: Any, found: Sketch) -> Floats:
    """What the matrix says of each row's item with each of the person's; 0 for unknown ones."""
    known = found.valid & (found.places >= 0) & (found.item[:, None] >= 0)
    out = np.zeros(found.places.shape)
    if agreement is None or not known.any():
        return out
    rows = np.broadcast_to(found.item[:, None], known.shape)[known]
    out[known] = np.asarray(agreement[rows, found.places[known]]).ravel()
    return out
