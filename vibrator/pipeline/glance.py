"""What `features.table` says of one content, in plain numbers: for one row they are quicker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.pipeline.co_engagement import Agreement
from vibrator.pipeline.features import (
    AGREEMENT_SHRINK,
    AT,
    DAY,
    FADES,
    LATELY_SHRINK,
    LEANING_SHRINK,
    LIKENESS_SHRINK,
    NAMES,
    SHARPNESS,
    SMALLEST,
    UNRELATED,
    WARMTH,
    Offer,
    newest,
)
from vibrator.pipeline.item_history import ItemHistory
from vibrator.profile import FAST, Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FADES_OF = [row[:size].tolist() for size, row in enumerate(FADES)]
FADED = [sum(row) + LATELY_SHRINK for row in FADES_OF]
FAST_SECONDS = FAST.total_seconds()


def glance(
    scorer: Any,
    reading: Reading | None,
    offer: Offer,
    now: float,
    history: ItemHistory,
    agreement: Agreement,
) -> tuple[Floats, Floats]:
    """The person's likeness to the sliders, and NAMES for the offer's one content; a row each."""
    content, item = offer.vectors[0], int(offer.places[0])
    out = [0.0] * len(NAMES)
    actions, vectors, times = newest(reading, now)
    places = np.array([*history.listed([action.content for action in actions]), item])
    stood = history.standing(places, np.array([*times, now]))
    *expected, out[AT["item_standing"]] = stood.mean.tolist()
    out[AT["item_popularity"]] = math.log1p(stood.events[-1])
    out[AT["item_freshness"]] = math.log1p(history.age(item, now) / DAY)
    if reading is None:
        return np.zeros((1, len(scorer.sliders))), np.array([out])
    to_sliders = scorer.slider_vectors @ reading.vector
    shares = np.exp(SHARPNESS * offer.to_sliders[0])
    alignment = float(content @ reading.vector)
    out[AT["user_item_alignment"]] = alignment
    out[AT["recency"]] = scorer.recency(reading)
    out[AT["person_activity"]] = math.log1p(reading.evidence)
    out[AT["slider_agreement"]] = float(shares @ to_sliders / np.add.reduce(shares))
    if actions:
        weights = [action.weight for action in actions]
        near = [x if w else 0.0 for x, w in zip((vectors @ content).tolist(), weights, strict=True)]
        _similarities(out, near, weights, times, alignment)
        residuals = [weight - mean for weight, mean in zip(weights, expected, strict=True)]
        _leanings(out, near, residuals, agreement.of(item, places[:-1]).tolist())
    return to_sliders[None], np.array([out])


def _similarities(
    out: list[float],
    near: Sequence[float],
    weights: Sequence[float],
    times: Sequence[float],
    alignment: float,
) -> None:
    liked = sorted([x for x, weight in zip(near, weights, strict=True) if weight > 0])[-3:]
    if liked:
        out[AT["best_similarity"]] = liked[-1]
        out[AT["top3_similarity"]] = sum(liked) / len(liked)
    refused = [x for x, weight in zip(near, weights, strict=True) if weight < 0]
    out[AT["negative_similarity"]] = max(refused, default=0.0)
    latest = times[-1]
    fades = [w * 2.0 ** ((t - latest) / FAST_SECONDS) for w, t in zip(weights, times, strict=True)]
    mass = max(sum(map(abs, fades)), SMALLEST)
    fast = sum(map(mul, near, fades)) / mass
    out[AT["fast_over_slow"]] = 2.0 * (fast - alignment)


def _leanings(
    out: list[float], near: Sequence[float], residuals: Sequence[float], pull: Sequence[float]
) -> None:
    size = len(residuals)
    leaning = sum(residuals) / (size + LEANING_SHRINK)
    own = [residual - leaning for residual in residuals]
    kernel = [math.exp(x / WARMTH) for x in near]
    out[AT["person_leaning"]] = leaning
    out[AT["person_lately"]] = sum(map(mul, FADES_OF[size], residuals)) / FADED[size]
    mass = sum(kernel) + LIKENESS_SHRINK * UNRELATED
    out[AT["similar_outcomes"]] = sum(map(mul, kernel, own)) / mass
    pulled = sum(map(abs, pull)) + AGREEMENT_SHRINK
    out[AT["co_engagement"]] = sum(map(mul, pull, own)) / pulled
