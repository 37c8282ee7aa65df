"""The best k of many items: a fused query, ties in order, and diversity where it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.checks import require_share
from vibrator.errors import BadInput
from vibrator.pipeline.outputs import Scores
from vibrator.vectors import top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT_TOLERANCE = 1e-3  # half precision keeps lengths to this
POOL = 10  # times k: the best candidates among which diversity chooses


class Ranked(NamedTuple):
    """One ranked item: its key, the score it was ranked by, and each slider's output."""

    item: Any
    score: float
    scores: Scores

    def why(self) -> str:
        """The reason of the slider that fits best."""
        best = max(self.scores.values(), key=lambda output: output.raw_score)
        return f"{best.name}: {best.why()}"


class Ranking(list[Ranked]):
    """Ranked items, best first; prints as a table."""

    def __init__(self, rows: Iterable[tuple[Any, float, Scores]] = ()) -> None:
        super().__init__(Ranked(*row) for row in rows)

    def __str__(self) -> str:
        return "\n".join(
            f"{place:>3}. {row.score:+.3f}  {str(row.item)[:60]:<60}  {row.why()}"
            for place, row in enumerate(self, start=1)
        )


class Contents(NamedTuple):
    """What is scored: keys, encoded rows, and the texts unless they came encoded."""

    keys: Sequence[Any]
    vectors: NDArray[np.floating]
    texts: list[str] | None = None

    def pick(self, places: Sequence[int]) -> Contents:
        """Some of them."""
        texts = None if self.texts is None else [self.texts[place] for place in places]
        return Contents([self.keys[place] for place in places], self.vectors[list(places)], texts)


def require_items(items: Any, encode: Callable[[Sequence[str]], NDArray[np.floating]]) -> Contents:
    """Keys and rows of texts, of a mapping of id to text, or of an encoded matrix."""
    if isinstance(items, np.ndarray):
        if items.ndim != 2 or not np.issubdtype(items.dtype, np.floating):
            found = f"{items.dtype} of shape {items.shape}"
            raise BadInput(f"encoded items must be a matrix of floats, got {found}")
        return Contents(range(len(items)), items)
    if isinstance(items, Mapping):
        texts = list(items.values())
        return Contents(tuple(items), encode(texts), texts)
    if isinstance(items, (str, bytes)):
        raise BadInput(f"items must be a list of texts, got the single text {items[:40]!r}")
    texts = require_list("items", items)
    return Contents(range(len(texts)), encode(texts), texts)


def require_list(name: str, given: Any) -> list[Any]:
    """What can be gone through, as a list."""
    if not hasattr(given, "__iter__"):
        raise BadInput(f"{name} must be a list, got {given!r}")
    return list(given)


def require_places(k: object) -> int:
    """How many are to be ranked."""
    if isinstance(k, bool) or not isinstance(k, Integral) or k < 0:
        raise BadInput(f"k must be a whole number from 0, got {k!r}")
    return int(k)


def require_unit_rows(rows: NDArray[np.floating]) -> None:
    """Refuse encoded rows that are not of length one, as the encoder gives them."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    if not (np.abs(lengths - 1.0) <= UNIT_TOLERANCE).all():  # NaN fails as well
        raise BadInput(f"encoded rows must be of length one, got lengths up to {lengths.max():.6g}")


def diverse(
    scores: NDArray[np.floating], vectors: NDArray[np.floating], k: int, diversity: float
) -> list[int]:
    """Positions of the k best, each step weighing fit against likeness to those above it.

    This is maximal marginal relevance (Carbonell and Goldstein 1998) over the best 10·k.
    """
    if not require_share("diversity", diversity):
        return [int(i) for i in top_k(scores, k)]
    pool = top_k(scores, min(POOL * k, scores.size))
    rows = vectors[pool]
    likeness = np.zeros(len(pool))
    left, chosen = np.ones(len(pool), dtype=bool), []
    for _ in range(min(k, len(pool))):
        gain = np.where(left, (1 - diversity) * scores[pool] - diversity * likeness, -np.inf)
        best = int(np.argmax(gain))
        left[best] = False
        chosen.append(int(pool[best]))
        likeness = np.maximum(likeness, rows @ rows[best])
    return chosen
