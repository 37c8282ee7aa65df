"""How good an order is: AUC, reciprocal rank, nDCG and hit rate, a group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import BadInput
from vibrator.stats.bootstrap import percentile_interval, resampled_means
from vibrator.stats.order import auc, scored

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

PUBLISHED = ("auc", "mrr", "ndcg@5", "ndcg@10")


def mrr(outcomes: ArrayLike, scores: ArrayLike) -> float:
    """Mean over the yeses of 1/rank, as MIND publishes it.

    >>> mrr([0, 1], [0.9, 0.1])
    0.5
    """
    y = _ranked(outcomes, scores)
    return float((y / np.arange(1, y.size + 1)).sum() / y.sum())


def ndcg(outcomes: ArrayLike, scores: ArrayLike, k: int) -> float:
    """Discounted gain of the first k over that of the best order.

    >>> ndcg([1, 0], [0.9, 0.1], 5)
    1.0
    """
    y = _ranked(outcomes, scores)
    discount = 1.0 / np.log2(np.arange(2, min(k, y.size) + 2))
    return float(y[:k] @ discount / (np.sort(y)[::-1][:k] @ discount))


def impression_figures(outcomes: ArrayLike, scores: ArrayLike) -> dict[str, float]:
    """The published four of one impression with both clicks and passes."""
    return {
        "auc": auc(outcomes, scores),
        "mrr": mrr(outcomes, scores),
        "ndcg@5": ndcg(outcomes, scores, 5),
        "ndcg@10": ndcg(outcomes, scores, 10),
    }


def ranks(scores: Floats, targets: Sequence[int]) -> Floats:
    """Place from 0 of one target in each row of scores; ties count half above, half below.

    >>> ranks(np.array([[3.0, 1.0, 2.0]]), [2])
    array([1.])
    """
    rows = np.atleast_2d(scores)
    own = rows[np.arange(len(rows)), np.asarray(targets)][:, None]
    return np.asarray((rows > own).sum(axis=1) + ((rows == own).sum(axis=1) - 1) / 2.0)


def rank_figures(places: ArrayLike) -> dict[str, Floats]:
    """Of each place of a target among the whole catalogue: its worth by each measure."""
    place = np.asarray(places, dtype=np.float64)
    gain = 1.0 / np.log2(place + 2.0)
    return {
        "mrr": 1.0 / (place + 1.0),
        "ndcg@5": np.where(place < 5, gain, 0.0),
        "ndcg@10": np.where(place < 10, gain, 0.0),
        "hr@10": (place < 10).astype(np.float64),
    }


def mean_rows(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each measure."""
    rows = list(found)
    if not rows:
        raise BadInput("there is nothing to take a mean of")
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def auc_interval(
    outcomes: ArrayLike,
    scores: ArrayLike,
    users: ArrayLike,
    *,
    resamples: int = 200,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """A 95 % interval of the AUC, users drawn with all their rows."""
    y, s = scored(outcomes, scores)
    _, place = np.unique(np.asarray(users), return_inverse=True)
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(place.max() + 2))
    found = []
    for _ in range(resamples):
        drawn = rng.integers(place.max() + 1, size=place.max() + 1)
        rows = np.concatenate([order[bounds[u] : bounds[u + 1]] for u in drawn])
        found.append(auc(y[rows], s[rows]))
    if np.isnan(found).all():  # outcomes of one kind have no order
        return float("nan"), float("nan")
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def mean_interval(values: ArrayLike, *, rng: np.random.Generator) -> tuple[float, float]:
    """A 95 % interval of a mean with one value a user."""
    drawn = resampled_means(np.asarray(values)[:, None], resamples=500, rng=rng)[:, 0]
    interval: Any = percentile_interval(drawn)
    return interval.low, interval.high


def _ranked(outcomes: ArrayLike, scores: ArrayLike) -> Floats:
    y, s = scored(outcomes, scores)
    if not y.any():
        raise BadInput("an order without a yes has no such measure")
    return y[np.argsort(-s, kind="stable")]
