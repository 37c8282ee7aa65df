"""An approximate index for many items: faiss IVF in half precision, re-ranked exactly."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import ArtefactError
from vibrator.optional import need
from vibrator.stores.matrix import Index, Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Ids = NDArray[np.int64]

FAISS_ABOVE = 300_000  # items: below, comparing with all of them is quick enough
PROBED = 16  # lists looked into: recall 0.99 at a million on clustered vectors
TRAINED_ON = 64  # rows a list, drawn evenly
OVERFETCH = 4  # times k: what is compared again in single precision


def faiss_index(above: int | None = None) -> Callable[[int], Index]:
    """A maker of indexes: exact up to `above` items, faiss beyond.

    >>> len(faiss_index()(8))
    0
    """
    need("faiss", extra="faiss")
    limit = FAISS_ABOVE if above is None else above
    return lambda dimensions: GrowingIndex(dimensions, above=limit)


class GrowingIndex:
    """All rows in a matrix, and above a size a faiss index over them.

    The matrix keeps the rows for the exact second look and for filtered searches; faiss is
    trained anew when the items have doubled since.
    """

    def __init__(self, dimensions: int, *, above: int = FAISS_ABOVE) -> None:
        self._rows = Matrix(dimensions)
        self._above = above
        self._faiss: Any = None
        self._trained_at = 0

    def __len__(self) -> int:
        return len(self._rows)

    def ids(self) -> Ids:
        """The numbers of all rows."""
        return self._rows.ids()

    def put(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Take rows in; a number known already gets the new row."""
        self._rows.put(ids, vectors)
        if self._faiss is not None:
            numbers = np.asarray(ids, np.int64)
            self._faiss.remove_ids(numbers)
            self._faiss.add_with_ids(np.ascontiguousarray(vectors), numbers)

    def remove(self, ids: Sequence[int]) -> None:
        """Let rows go."""
        self._rows.remove(ids)
        if self._faiss is not None:
            self._faiss.remove_ids(np.asarray(ids, np.int64))

    def search(
        self, queries: Vectors, k: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[Ids, Vectors]]:
        """For each query the numbers and dot products of the k largest, largest first."""
        if among is not None or len(self) <= self._above:
            return self._rows.search(queries, k, among=among)
        if self._faiss is None or len(self) > 2 * self._trained_at:
            self._train()
        _, near = self._faiss.search(queries, min(OVERFETCH * k, len(self)))
        return [
            self._rows.search(query[None], k, among=numbers[numbers >= 0].tolist())[0]
            for query, numbers in zip(queries, near, strict=True)
        ]

    def save(self, path: str | Path) -> None:
        """Write the faiss index under a temporary name, then put it in place at once."""
        if self._faiss is None:
            self._train()
        target = Path(path)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        need("faiss", extra="faiss").write_index(self._faiss, str(draft))
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)

    def load(self, path: str | Path) -> None:
        """Take a saved index over the same rows."""
        try:
            read = need("faiss", extra="faiss").read_index(str(path))
        except RuntimeError as error:
            raise ArtefactError(f"{path} is no faiss index: {error}") from error
        if (read.ntotal, read.d) != (len(self), self._rows.dimensions):
            raise ArtefactError(
                f"{path} holds {read.ntotal} rows of {read.d} numbers, "
                f"here are {len(self)} of {self._rows.dimensions}"
            )
        self._faiss, self._trained_at = read, len(self)

    def _train(self) -> None:
        faiss = need("faiss", extra="faiss")
        numbers, rows = self._rows.all()
        lists = max(1, int(2 * np.sqrt(len(rows))))
        coarse = faiss.IndexFlatIP(rows.shape[1])
        kind = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexIVFScalarQuantizer(
            coarse, rows.shape[1], lists, kind, faiss.METRIC_INNER_PRODUCT
        )
        step = max(1, len(rows) // (lists * TRAINED_ON))
        index.train(np.ascontiguousarray(rows[::step]))
        index.add_with_ids(rows, numbers)
        index.nprobe = min(PROBED, lists)
        self._faiss, self._trained_at = index, len(rows)
