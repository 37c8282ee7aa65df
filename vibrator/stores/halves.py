"""Vectors as stores keep them: half precision, under digests in hex."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYS_AT_ONCE = 10_000


def key_bytes(keys: Sequence[str]) -> list[bytes]:
    r"""The digests behind the hex keys.

    >>> key_bytes(["00ff"])
    [b'\x00\xff']
    """
    try:
        return [bytes.fromhex(key) for key in keys]
    except (TypeError, ValueError):
        raise BadInput(f"keys must be digests in hex, got {list(keys)[:3]!r}") from None


def in_chunks(keys: Iterable[str], size: int = KEYS_AT_ONCE) -> Iterator[list[bytes]]:
    """The digests behind many keys, so many at once.

    >>> [len(some) for some in in_chunks(["00", "01", "02"], 2)]
    [2, 1]
    """
    rest = iter(keys)
    while some := list(islice(rest, size)):
        yield key_bytes(some)


def half_rows(names: Sequence[str], vectors: NDArray[np.floating]) -> NDArray[np.float16]:
    """The vectors as they are kept, one row a name."""
    half = np.ascontiguousarray(vectors, "<f2")
    if half.ndim != 2 or len(half) != len(names):
        raise BadInput(f"{len(names)} names need as many rows, got the shape {half.shape}")
    if not np.isfinite(half).all():
        raise BadInput("vectors must be finite and below 65,504 to be kept in half precision")
    return half


def whole_row(kept: bytes | None) -> NDArray[np.float32] | None:
    """The vector that was kept; None stays None."""
    return None if kept is None else np.frombuffer(kept, "<f2").astype(np.float32)
