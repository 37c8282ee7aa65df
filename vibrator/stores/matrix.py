"""Items in memory, searched exactly: a float32 matrix that follows a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vibrator.errors import BadInput
from vibrator.vectors import blocks, top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Ids = NDArray[np.int64]

SCORES_AT_ONCE = 64  # queries in one matrix product
ROOM = 1_024  # rows of a new matrix


class Index(Protocol):
    """Rows by number, nearest first by dot product."""

    dimensions: int

    def __len__(self) -> int: ...

    def put(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Take rows in; a number known already gets the new row."""
        ...

    def remove(self, ids: Iterable[int]) -> None:
        """Let rows go."""
        ...

    def settle(self) -> None:
        """Do what is worth doing once after many changes."""
        ...

    def ids(self) -> Ids:
        """The numbers of all rows."""
        ...

    def search(
        self, queries: Vectors, k: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[Ids, Vectors]]:
        """For each query the numbers and dot products of the k largest, largest first."""
        ...


RowsOf = Callable[["Ids"], "tuple[Ids, Vectors]"]  # those of the numbers that have rows, the rows
NewIndex = Callable[[int, str, RowsOf], Index]  # from dimensions, who made the vectors, the table


class Matrix:
    """Rows by number; `search` compares with all of them.

    >>> rows = Matrix(2)
    >>> rows.put([7, 9], np.eye(2, dtype=np.float32))
    >>> rows.search(np.array([[0.2, 0.9]], np.float32), 1)
    [(array([9]), array([0.9], dtype=float32))]
    """

    def __init__(self, dimensions: int, _made_by: str = "", _rows_of: RowsOf | None = None) -> None:
        self.dimensions = dimensions
        self._rows = np.empty((ROOM, dimensions), np.float32)
        self._ids = np.empty(ROOM, np.int64)
        self._place: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    def put(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Take rows in; a number known already gets the new row."""
        if vectors.shape != (len(ids), self.dimensions):
            raise BadInput(f"vectors must have {self.dimensions} dimensions, got {vectors.shape}")
        self._make_room(len(self) + len(ids))
        for number, row in zip(ids, vectors, strict=True):
            place = self._place.setdefault(number, len(self._place))
            self._rows[place], self._ids[place] = row, number

    def remove(self, ids: Iterable[int]) -> None:
        """Let rows go; the last row moves into the gap."""
        for number in ids:
            place = self._place.pop(number, None)
            last = len(self._place)
            if place is None or place == last:
                continue
            self._rows[place], self._ids[place] = self._rows[last], self._ids[last]
            self._place[int(self._ids[place])] = place

    def settle(self) -> None:
        """Nothing to do: every row has its place already."""

    def ids(self) -> Ids:
        """The numbers of all rows."""
        return self._ids[: len(self)]

    def search(
        self, queries: Vectors, k: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[Ids, Vectors]]:
        """For each query the numbers and dot products of the k largest, largest first."""
        places = None if among is None else self._places(among)
        rows, ids = self._rows[: len(self)], self.ids()
        if places is not None:
            rows, ids = rows[places], ids[places]
        found = []
        for block in blocks(len(queries), SCORES_AT_ONCE):
            for scores in queries[block] @ rows.T:
                best = top_k(scores, k)
                found.append((ids[best], scores[best]))
        return found

    def _places(self, among: Sequence[int]) -> NDArray[np.intp]:
        known = (self._place.get(number) for number in among)
        return np.array([place for place in known if place is not None], np.intp)

    def _make_room(self, count: int) -> None:
        if count <= len(self._ids):
            return
        size = max(count, 2 * len(self._ids))
        rows, ids = np.empty((size, self.dimensions), np.float32), np.empty(size, np.int64)
        rows[: len(self)], ids[: len(self)] = self._rows[: len(self)], self.ids()
        self._rows, self._ids = rows, ids
