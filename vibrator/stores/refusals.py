"""What every store refuses in the same words."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vibrator.errors import ArtefactError, BadInput, UnknownName


def require_same_encoder(whose: str, made_by: str, fingerprint: str) -> None:
    """Vectors of different encoders are never mixed."""
    if made_by != fingerprint:
        raise ArtefactError(
            f"the vectors of {whose!r} were made by encoder {made_by}, this is {fingerprint}: "
            "run `vibrator rebuild --encoder` to make them anew"
        )


def as_queries(vectors: ArrayLike, k: int) -> NDArray[np.float32]:
    """What is searched for, one row a query, and how many are wanted of each.

    >>> as_queries([[0.5, 1.0]], -1)
    Traceback (most recent call last):
    vibrator.errors.BadInput: k must be a whole number that is not negative, got -1
    """
    queries = np.ascontiguousarray(vectors, np.float32)
    if queries.ndim != 2:
        raise BadInput(f"queries must be rows, got the shape {queries.shape}")
    if not np.isfinite(queries).all():
        raise BadInput("queries must be finite")
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 0:
        raise BadInput(f"k must be a whole number that is not negative, got {k!r}")
    return queries


def require_same_width(queries: NDArray[np.float32], dimensions: int) -> None:
    """Queries are as wide as the vectors that they are compared with."""
    if queries.shape[1] != dimensions:
        raise BadInput(f"queries must have {dimensions} dimensions, got {queries.shape[1]}")


def require_made(needed: Collection[str], known: Collection[str]) -> None:
    """What came of a decision is kept only as long as the decision is."""
    for decision_id in needed:
        if decision_id not in known:
            raise UnknownName(
                f"no decision {decision_id!r} is known: it was never made here, or its user "
                "was forgotten"
            )


def require_mergeable(anonymous: str, known: str, already: str | None, target: str) -> None:
    """Nobody is merged into themselves, or into a second person; `target` is who `known` is now."""
    if target == anonymous:
        raise BadInput(f"{anonymous!r} cannot be merged into itself ({known!r} is the same person)")
    if already not in {None, target}:
        raise BadInput(f"{anonymous!r} was merged into somebody else already, not {known!r}")
