"""The small vector algebra that every floor above uses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LAYER_NORM_EPSILON = 1e-12


def unit(vectors: ArrayLike) -> NDArray[np.floating]:
    """Rows of length one; a row of zeros has no direction and is refused.

    >>> unit([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    rows = np.asarray(vectors)
    lengths = np.sqrt((rows * rows).sum(axis=-1, keepdims=True))
    if not (0 < lengths.min(initial=1.0) <= lengths.max(initial=1.0) < np.inf):
        raise BadInput("vectors must be finite and not all zero to be made unit length")
    return np.asarray(rows / lengths)


def layer_norm(vectors: ArrayLike) -> NDArray[np.floating]:
    """Each row less its mean, over its standard deviation.

    >>> layer_norm([[1.0, 3.0]])
    array([[-1.,  1.]])
    """
    rows = np.asarray(vectors)
    centred = rows - rows.mean(axis=-1, keepdims=True)
    return np.asarray(
        centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + LAYER_NORM_EPSILON)
    )


def sigmoid(logits: ArrayLike) -> Floats:
    """1 / (1 + e^−x), without overflow at either end.

    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    x = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1.0 + small))


def sigmoid_of_one(logit: float) -> float:
    """The same of one number, without the price of an array.

    >>> sigmoid_of_one(-1000.0), sigmoid_of_one(0.0)
    (0.0, 0.5)
    """
    small = math.exp(-abs(logit))
    return (1.0 if logit >= 0 else small) / (1.0 + small)


def logit(probabilities: ArrayLike) -> Floats:
    """Log p/(1 − p): the way back from a sigmoid.

    >>> logit([0.5])
    array([0.])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(np.log(p) - np.log1p(-p))


def softmax(scores: ArrayLike, *, temperature: float = 1.0) -> Floats:
    """Shares that add up to one along the last axis.

    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    if not temperature > 0:
        raise BadInput(f"temperature must be positive, got {temperature}")
    x = np.asarray(scores, dtype=np.float64) / temperature
    powers: Floats = np.exp(x - np.maximum.reduce(x, axis=-1, keepdims=True))
    powers /= np.add.reduce(powers, axis=-1, keepdims=True)
    return powers


def softmax_of_few(scores: Sequence[float], *, temperature: float) -> list[float]:
    """The same for a handful of numbers, without the price of arrays.

    >>> softmax_of_few([0.0, 0.0], temperature=1.0)
    [0.5, 0.5]
    """
    largest = max(scores)
    powers = [math.exp((score - largest) / temperature) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def top_k(scores: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """Positions of the k largest, largest first; equal scores keep their order.

    >>> top_k(np.array([1.0, 3.0, 3.0, 2.0]), 3)
    array([1, 2, 3])
    """
    if k < 0:
        raise BadInput(f"k must not be negative, got {k}")
    if k == 0:
        return np.empty(0, dtype=np.intp)
    if k < scores.size:
        smallest_kept = np.partition(scores, scores.size - k)[scores.size - k]
        surely = np.flatnonzero(scores > smallest_kept)
        ties = np.flatnonzero(scores == smallest_kept)[: k - surely.size]
        candidates = np.sort(np.concatenate([surely, ties]))
    else:
        candidates = np.arange(scores.size)
    return np.asarray(candidates[np.argsort(-scores[candidates], kind="stable")])


def blocks(count: int, size: int) -> Iterator[slice]:
    """Consecutive slices that cover range(count).

    >>> list(blocks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    if size < 1:
        raise BadInput(f"block size must be at least 1, got {size}")
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
