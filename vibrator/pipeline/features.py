"""What a learned scorer looks at: the published four and more, each with a name and a meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.actions import UserAction
from vibrator.pipeline.co_engagement import Agreement
from vibrator.pipeline.item_history import UNKNOWN, ItemHistory
from vibrator.pipeline.zero_shot import ZeroShot
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
SMALLEST, LONG_AGO = 1e-300, -1e300
FADES = np.tril(np.exp2(-np.arange(RING)[:, None] / LATELY + np.arange(RING) / LATELY))
FADES = np.vstack([np.zeros(RING), FADES])  # row n: the weights of n actions, oldest first
SHARPNESS = 10.0  # of the softmax that says which sliders a content belongs to


FILLERS = (UNKNOWN, 0.0, 0.0, LONG_AGO)  # of a Ring's columns, where there is no action


class Ring(NamedTuple):
    """The newest actions of people, a row each (or one row for all), oldest first."""

    places: Any  # in the item history
    weights: Floats  # 0 where there is none
    residuals: Floats  # weights less what was to be expected of the items then
    times: Floats  # LONG_AGO where there is none
    valid: Any = None  # which are there; none says that all are

    @classmethod
    def of(cls, actions: Sequence[UserAction], times: Floats, history: ItemHistory) -> Ring:
        """One row."""
        weights = np.array([action.weight for action in actions], dtype=np.float64)
        places = history.places([action.content for action in actions])
        residuals = weights - history.standing(places, times).mean
        return cls(places[None], weights[None], residuals[None], times[None])

    def only(self, values: Floats) -> Floats:
        """The values where there is an action, 0 elsewhere."""
        return values if self.valid is None else np.where(self.valid, values, 0.0)

    def sizes(self) -> Any:
        """How many there are, a row each."""
        count = self.weights.shape[1]
        return np.array([count]) if self.valid is None else self.valid.sum(axis=1)

    def pick(self, rows: Any) -> Ring:
        """Some of the rows."""
        valid = None if self.valid is None else self.valid[rows]
        return Ring(
            self.places[rows], self.weights[rows], self.residuals[rows], self.times[rows], valid
        )

    def spread(self, rows: int) -> Ring:
        """So many rows of RING columns."""
        count = self.weights.shape[1]
        valid = np.broadcast_to(np.arange(RING) < count, (rows, RING))
        wide = ((0, 0), (0, RING - count))
        places, weights, residuals, times = (
            np.broadcast_to(np.pad(part, wide, constant_values=filler), (rows, RING))
            for part, filler in zip(self[:-1], FILLERS, strict=True)
        )
        return Ring(places, weights, residuals, times, valid)


class Offer(NamedTuple):
    """Contents to answer for, a row each."""

    vectors: Floats
    places: Any  # in the item history
    to_sliders: Floats  # likeness to each slider
    belongs: Floats  # chance that they belong to each slider

    @classmethod
    def of(cls, scorer: Any, vectors: Any, places: Any) -> Offer:
        """With what the sliders make of them."""
        rows = np.asarray(vectors, dtype=np.float64)
        to_sliders = rows @ scorer.slider_vectors.T
        belongs = scorer.zero_shot.belongs(to_sliders, scorer.prior_logits)
        return cls(rows, places, to_sliders, np.asarray(belongs))

    def pick(self, rows: Any) -> Offer:
        """Some of them."""
        return Offer(*(column[rows] for column in self))


class Seen(NamedTuple):
    """Rows of a person and a content, before anybody else's actions are looked up."""

    evidence: Floats  # a row each, or one row for all
    recency: Floats  # alike
    to_sliders: Floats  # alike, x sliders
    ring: Ring  # alike, x RING at most
    alignment: Floats  # rows
    likeness: Floats  # rows x RING at most: content to the newest actions
    item_to_sliders: Floats  # rows x sliders
    item: Any  # rows, in the item history
    now: Floats  # rows, or one for all

    @classmethod
    def of_reading(
        cls,
        scorer: Any,
        reading: Reading | None,
        offer: Offer,
        now: float,
        history: ItemHistory,
    ) -> Seen:
        """One person with some contents."""
        when, rows = np.array([now]), len(offer.vectors)
        actions, vectors, times = newest(reading, now)
        ring = Ring.of(actions, np.array(times), history)
        if reading is None:
            nothing = np.zeros(1)
            nobody = np.zeros((1, len(scorer.sliders)))
            return cls(nothing, nothing, nobody, ring, np.zeros(rows), np.zeros((rows, 0)),
                       offer.to_sliders, offer.places, when)  # fmt: skip
        likeness = np.zeros((rows, 0))
        if len(actions):
            likeness = offer.vectors @ vectors.T
            if not ring.weights.all():  # what weighs nothing is like nothing, as in a Profile
                likeness = likeness * (ring.weights != 0)
        return cls(
            np.array([reading.evidence]),
            np.array([scorer.recency(reading)]),
            (scorer.slider_vectors @ reading.vector)[None],
            ring,
            offer.vectors @ reading.vector,
            likeness,
            offer.to_sliders,
            offer.places,
            when,
        )

    def spread(self) -> Seen:
        """Every column with all its rows, so that it can be stacked."""
        rows, missing = len(self.item), RING - self.likeness.shape[1]
        likeness = np.pad(self.likeness, ((0, 0), (0, missing)))
        out = self._replace(ring=self.ring.spread(rows), likeness=likeness)
        return out._replace(
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
        columns = (part.pick(rows) if isinstance(part, Ring) else part[rows] for part in self)
        return Seen(*columns)  # type: ignore[arg-type]


def table(seen: Seen, history: ItemHistory, agreement: Agreement | None) -> Floats:
    """Rows x NAMES with everybody's actions before each row's moment looked up.

    What differs between sliders is filled in by `of_sliders` or `of_contents`.
    """
    out = np.zeros((len(seen.item), len(NAMES)))
    out[:, AT["user_item_alignment"]] = seen.alignment
    out[:, AT["recency"]] = seen.recency
    out[:, AT["person_activity"]] = np.log1p(seen.evidence)
    shares = np.exp(SHARPNESS * seen.item_to_sliders)
    out[:, AT["slider_agreement"]] = (shares * seen.to_sliders).sum(axis=1) / shares.sum(axis=1)
    stood = history.standing(seen.item, seen.now)
    out[:, AT["item_standing"]] = stood.mean
    out[:, AT["item_popularity"]] = np.log1p(stood.events)
    out[:, AT["item_freshness"]] = np.log1p(history.age(seen.item, seen.now) / DAY)
    if seen.likeness.shape[1]:
        _similarities(out, seen)
        _leanings(out, seen, agreement)
    return out


def of_sliders(likes: Floats, to_sliders: Floats, item_to_sliders: Floats, belongs: Any) -> Floats:
    """Rows x sliders x OF_SLIDERS, where contents are liked and belong by such chances."""
    out = np.empty((*belongs.shape, len(OF_SLIDERS)))
    out[:, :, 0] = to_sliders
    out[:, :, 1] = item_to_sliders
    out[:, :, 2] = logit(belongs * likes[:, None])
    return out


def of_contents(zero_shot: ZeroShot, alignment: Floats, evidence: Any) -> Floats:
    """Log odds by the zero-shot scorer that the person likes each content, whatever the slider."""
    return np.asarray(zero_shot.lean + zero_shot.alignment * zero_shot.trust(evidence) * alignment)


def _similarities(out: Floats, seen: Seen) -> None:
    ring, near = seen.ring, seen.likeness
    liking = ring.weights > 0
    top = np.sort(np.where(liking, near, -np.inf), axis=1)[:, -3:]
    top = np.where(top > -np.inf, top, 0.0)
    out[:, AT["best_similarity"]] = top[:, -1]
    out[:, AT["top3_similarity"]] = top.sum(axis=1) / np.minimum(
        np.maximum(liking.sum(axis=1), 1), 3
    )
    refused = np.where(ring.weights < 0, near, -np.inf).max(axis=1)
    out[:, AT["negative_similarity"]] = np.where(refused > -np.inf, refused, 0.0)
    age = ring.times.max(axis=1, keepdims=True) - ring.times
    fade = ring.weights * np.exp2(age / -FAST.total_seconds())
    mass = np.maximum(np.abs(fade).sum(axis=1), SMALLEST)
    fast = (near * fade).sum(axis=1) / mass
    out[:, AT["fast_over_slow"]] = 2.0 * (fast - seen.alignment)


def _leanings(out: Floats, seen: Seen, agreement: Agreement | None) -> None:
    """How people received things: overall, lately, what reads alike, what goes together."""
    ring, sizes = seen.ring, seen.ring.sizes()
    residual = ring.residuals
    leaning = residual.sum(axis=1) / (sizes + LEANING_SHRINK)
    fade = FADES[sizes, : residual.shape[1]]
    own = ring.only(residual - leaning[:, None])
    kernel = ring.only(np.exp(seen.likeness / WARMTH))
    mass = kernel.sum(axis=1) + LIKENESS_SHRINK * UNRELATED
    out[:, AT["person_leaning"]] = leaning
    out[:, AT["person_lately"]] = (fade * residual).sum(axis=1) / (fade.sum(axis=1) + LATELY_SHRINK)
    out[:, AT["similar_outcomes"]] = (kernel * own).sum(axis=1) / mass
    if agreement is not None:
        pull = agreement.of(seen.item[:, None], ring.places)
        pulled = np.abs(pull).sum(axis=1) + AGREEMENT_SHRINK
        out[:, AT["co_engagement"]] = (pull * own).sum(axis=1) / pulled


def newest(reading: Reading | None, now: float) -> tuple[Sequence[UserAction], Any, list[float]]:
    """The newest actions, oldest first, their vectors and times; without a time it was just now."""
    if reading is None or not len(reading.actions):
        return (), None, []
    actions, vectors = reading.actions, np.asarray(reading.vectors)
    stamps = [action.timestamp for action in actions]
    times = [now if stamp is None else stamp.timestamp() for stamp in stamps]
    if times == sorted(times):
        return actions[-RING:], vectors[-RING:], times[-RING:]
    order = sorted(range(len(times)), key=times.__getitem__)[-RING:]
    return [actions[place] for place in order], vectors[order], [times[place] for place in order]
