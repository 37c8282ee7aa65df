"""An index for many items, by faiss."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import ArtefactError, BadInput
from vibrator.optional import need
from vibrator.stores.matrix import Index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Ids = NDArray[np.int64]

FAISS_ABOVE = 300_000  # items: below, comparing with all of them takes under 25 ms
PROBED = 1 / 10  # of the lists looked into: real vectors cluster less than synthetic ones
PROBED_AT_LEAST = 16
TRAINED_ON = 64  # rows a list, drawn evenly


def faiss_index(above: int | None = None) -> Callable[[int], Index]:
    """A maker of indexes: exact up to `above` items, in lists beyond."""
    need("faiss", extra="faiss")
    limit = FAISS_ABOVE if above is None else above
    return lambda dimensions: FaissIndex(dimensions, above=limit)


class FaissIndex:
    """Rows in half precision, as the store keeps them, compared in single precision.

    Up to `above` items every row is compared; beyond, the rows lie in lists, of which the nearest
    tenth is looked into, and the lists are drawn anew when the items have doubled since.
    """

    def __init__(self, dimensions: int, *, above: int = FAISS_ABOVE) -> None:
        self.dimensions, self._above = dimensions, above
        self._faiss = need("faiss", extra="faiss")
        self._index: Any = self._flat()
        self._ids: set[int] = set()
        self._drawn_at = 0

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> Ids:
        """The numbers of all rows."""
        return np.fromiter(self._ids, np.int64, len(self._ids))

    def put(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Take rows in; a number known already gets the new row."""
        if vectors.shape != (len(ids), self.dimensions):
            raise BadInput(f"vectors must have {self.dimensions} dimensions, got {vectors.shape}")
        self.remove(self._ids.intersection(ids))
        self._index.add_with_ids(np.ascontiguousarray(vectors), np.asarray(ids, np.int64))
        self._ids.update(ids)
        if len(self) > max(self._above, 2 * self._drawn_at):
            self._draw_lists()

    def remove(self, ids: Iterable[int]) -> None:
        """Let rows go."""
        gone = self._ids.intersection(ids)
        if gone:
            self._index.remove_ids(np.fromiter(gone, np.int64, len(gone)))
            self._ids -= gone

    def search(
        self, queries: Vectors, k: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[Ids, Vectors]]:
        """For each query the numbers and dot products of the k largest, largest first."""
        if not len(self) or not k or (among is not None and not len(among)):
            return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        options = {} if among is None else {"params": self._only(among)}
        scores, numbers = self._index.search(queries, min(k, len(self)), **options)
        return [
            (row[row >= 0], score[row >= 0]) for score, row in zip(scores, numbers, strict=True)
        ]

    def save(self, path: str | Path) -> None:
        """Write the index under a temporary name, then put it in place at once."""
        target = Path(path)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        self._faiss.write_index(self._index, str(draft))
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)

    def load(self, path: str | Path, ids: Iterable[int]) -> None:
        """Take a saved index of these rows."""
        try:
            index = self._faiss.read_index(str(path))
        except RuntimeError as error:
            raise ArtefactError(f"{path} is no faiss index: {error}") from error
        known = set(ids)
        if (index.ntotal, index.d) != (len(known), self.dimensions):
            raise ArtefactError(
                f"{path} holds {index.ntotal} rows of {index.d} numbers, "
                f"wanted were {len(known)} of {self.dimensions}"
            )
        self._index, self._ids, self._drawn_at = index, known, len(known)

    def _flat(self) -> Any:
        kind = self._faiss.ScalarQuantizer.QT_fp16
        rows = self._faiss.IndexScalarQuantizer(
            self.dimensions, kind, self._faiss.METRIC_INNER_PRODUCT
        )
        return self._faiss.IndexIDMap2(rows)

    def _draw_lists(self) -> None:
        numbers = self.ids()
        if self._drawn_at:
            self._index.make_direct_map(new_maintain_direct_map=True)
        rows = self._index.reconstruct_batch(numbers)
        lists = max(1, round(min(2 * len(rows) ** 0.5, len(rows) / TRAINED_ON)))
        coarse = self._faiss.IndexFlatIP(self.dimensions)
        index = self._faiss.IndexIVFScalarQuantizer(
            coarse, self.dimensions, lists, self._faiss.ScalarQuantizer.QT_fp16,
            self._faiss.METRIC_INNER_PRODUCT,
        )  # fmt: skip
        index.train(np.ascontiguousarray(rows[:: max(1, len(rows) // (lists * TRAINED_ON))]))
        index.add_with_ids(rows, numbers)
        index.nprobe = min(lists, max(PROBED_AT_LEAST, round(PROBED * lists)))
        self._index, self._drawn_at = index, len(rows)

    def _only(self, among: Sequence[int]) -> Any:
        chosen = self._faiss.IDSelectorBatch(np.asarray(among, np.int64))
        if not self._drawn_at:
            return self._faiss.SearchParameters(sel=chosen)
        return self._faiss.SearchParametersIVF(sel=chosen, nprobe=self._index.nlist)
