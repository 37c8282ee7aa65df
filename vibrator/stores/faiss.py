"""An index for many items, by faiss."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import ArtefactError, BadInput
from vibrator.optional import need
from vibrator.stores.index_files import read_index_file, write_index_file
from vibrator.stores.matrix import NewIndex, RowsOf
from vibrator.vectors import blocks, top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Ids = NDArray[np.int64]

log = logging.getLogger(__name__)
FAISS_ABOVE = 300_000  # items: below, comparing with all of them takes under 25 ms
PROBED = 1 / 10  # of the lists looked into: real vectors cluster less than synthetic ones
PROBED_AT_LEAST = 16
TRAINED_ON = 64  # rows a list, drawn evenly
ADDED_AT_ONCE = 20_000
RANKED_AGAIN = 4  # times k: what lists find with a byte a dimension, among which the best k are
WRITTEN_AFTER = 1 / 4  # of the rows have come or gone since the file was written


def faiss_index(above: int | None = None, file: Path | None = None) -> NewIndex:
    """A maker of indexes: exact up to `above` items, in lists beyond, which `file` remembers."""
    need("faiss", extra="faiss")
    limit = FAISS_ABOVE if above is None else above

    def make(dimensions: int, made_by: str, rows_of: RowsOf) -> FaissIndex:
        index = FaissIndex(dimensions, rows_of, above=limit, made_by=made_by, file=file)
        index.recall()
        return index

    return make


class FaissIndex:
    """Up to `above` items every row is compared, in half precision, as the store keeps them.

    Beyond, the rows lie in lists, a byte a dimension. The nearest tenth of the lists is looked
    into, and the best of what is found there is ranked again by the rows of the table, in single
    precision. Lists are drawn anew once as many rows have come as they were drawn from. That takes
    long, so they are kept in a file, which is never trusted: `put` compares each row that came
    from it.
    """

    def __init__(
        self,
        dimensions: int,
        rows_of: RowsOf,
        *,
        above: int = FAISS_ABOVE,
        made_by: str = "",
        file: Path | None = None,
    ) -> None:
        self.dimensions, self._rows_of, self._above = dimensions, rows_of, above
        self._made_by, self._file = made_by, file
        self._faiss = need("faiss", extra="faiss")
        self._index: Any = self._flat()
        self._ids: set[int] = set()
        self._drawn_from = 0  # rows; 0 while every row is compared
        self._come = 0  # rows since the lists were drawn
        self._unwritten = 0  # rows that came or went since the file was written

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> Ids:
        """The numbers of all rows."""
        return np.fromiter(self._ids, np.int64, len(self._ids))

    def put(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Take rows in; a number known already gets the new row."""
        if vectors.shape != (len(ids), self.dimensions):
            raise BadInput(f"vectors must have {self.dimensions} dimensions, got {vectors.shape}")
        numbers = np.asarray(ids, np.int64)
        fresh = self._differing(numbers, vectors)
        if not fresh.any():
            return
        self.remove(numbers[fresh].tolist())
        self._index.add_with_ids(np.ascontiguousarray(vectors[fresh]), numbers[fresh])
        self._ids.update(numbers[fresh].tolist())
        self._come += int(fresh.sum())
        self._unwritten += int(fresh.sum())

    def remove(self, ids: Iterable[int]) -> None:
        """Let rows go."""
        gone = np.fromiter(self._ids.intersection(ids), np.int64)
        if len(gone):
            chosen = self._faiss.IDSelectorArray(len(gone), self._faiss.swig_ptr(gone))
            self._index.remove_ids(chosen)
            self._ids.difference_update(gone.tolist())
            self._unwritten += len(gone)

    def settle(self) -> None:
        """Draw lists where there are enough rows, and write down what would take long again."""
        if self._come > self._drawn_from and len(self) > self._above:
            self._draw_lists()
        if self._drawn_from and self._unwritten > WRITTEN_AFTER * len(self):
            self._remember()

    def search(
        self, queries: Vectors, k: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[Ids, Vectors]]:
        """For each query the numbers and dot products of the k largest, largest first."""
        if not len(self) or not k or (among is not None and not len(among)):
            return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        wanted = min(k, len(self))
        asked = min(RANKED_AGAIN * wanted, len(self)) if self._drawn_from else wanted
        chosen = None if among is None else self._only(among)
        scores, numbers = self._index.search(queries, asked, params=chosen)
        if among is None and (numbers[:, wanted - 1] < 0).any():  # too few in the nearest lists
            everywhere = self._faiss.SearchParametersIVF(nprobe=self._index.nlist)
            scores, numbers = self._index.search(queries, asked, params=everywhere)
        found = [row[row >= 0] for row in numbers]
        if self._drawn_from:
            return [self._ranked_again(*pair, k) for pair in zip(queries, found, strict=True)]
        return [(row, score[: len(row)]) for row, score in zip(found, scores, strict=True)]

    def _ranked_again(self, query: Vectors, numbers: Ids, k: int) -> tuple[Ids, Vectors]:
        """The k best by the rows that the table has."""
        there, rows = self._rows_of(numbers)
        scores = rows @ query
        best = top_k(scores, k)
        return there[best], scores[best]

    def recall(self) -> None:
        """Take the lists from the file, if it is there and fits; else they are drawn anew."""
        if self._file is None or not self._file.exists():
            return
        try:
            self._take(*read_index_file(self._file))
        except (ArtefactError, OSError) as error:
            log.warning("lists are drawn anew: %s", error)

    def _take(self, index: Any, facts: dict[str, Any]) -> None:
        mine = {"made_by": self._made_by, "dimensions": self.dimensions}
        found = {name: facts.get(name) for name in mine}
        if found != mine:
            raise ArtefactError(f"{self._file} is of {found}, wanted was {mine}")
        lists = index.invlists
        self._ids = {
            int(number)
            for place in range(lists.nlist)
            if lists.list_size(place)
            for number in self._faiss.rev_swig_ptr(lists.get_ids(place), lists.list_size(place))
        }
        self._index, self._drawn_from, self._come = index, facts["drawn_from"], facts["come"]

    def _remember(self) -> None:
        facts = {
            "made_by": self._made_by, "dimensions": self.dimensions,
            "drawn_from": self._drawn_from, "come": self._come,
        }  # fmt: skip
        if self._file is None:
            return
        try:
            write_index_file(self._file, self._index, facts)
        except OSError as error:  # a read-only folder, a full disk: searching goes on
            log.warning("lists are not written down, and will be drawn again: %s", error)
        self._unwritten = 0

    def _differing(self, numbers: Ids, vectors: Vectors) -> NDArray[np.bool_]:
        known = np.fromiter((n in self._ids for n in numbers.tolist()), bool, len(numbers))
        differ = np.ones(len(numbers), bool)
        if known.any():
            held = self._index.reconstruct_batch(numbers[known])
            differ[known] = (held != self._as_held(vectors[known])).any(axis=1)
        return differ

    def _as_held(self, vectors: Vectors) -> Vectors:
        """The vectors, rounded as the index rounds them."""
        if not self._drawn_from:
            return vectors.astype(np.float16).astype(np.float32)
        rounding = self._index.sq
        rounded: Vectors = rounding.decode(rounding.compute_codes(np.ascontiguousarray(vectors)))
        return rounded

    def _flat(self) -> Any:
        kind = self._faiss.ScalarQuantizer.QT_fp16
        rows = self._faiss.IndexScalarQuantizer(
            self.dimensions, kind, self._faiss.METRIC_INNER_PRODUCT
        )
        return self._faiss.IndexIDMap2(rows)

    def _draw_lists(self) -> None:
        numbers = self.ids()
        lists = max(1, round(min(2 * len(numbers) ** 0.5, len(numbers) / TRAINED_ON)))
        by_residual = False  # else a row comes back rounded once more
        index = self._faiss.IndexIVFScalarQuantizer(
            self._faiss.IndexFlatIP(self.dimensions), self.dimensions, lists,
            self._faiss.ScalarQuantizer.QT_8bit, self._faiss.METRIC_INNER_PRODUCT, by_residual,
        )  # fmt: skip
        _, sample = self._rows_of(numbers[:: max(1, len(numbers) // (lists * TRAINED_ON))])
        index.train(sample)
        index.set_direct_map_type(self._faiss.DirectMap.Hashtable)  # numbers have gaps
        self._ids = set()
        for block in blocks(len(numbers), ADDED_AT_ONCE):
            there, rows = self._rows_of(numbers[block])
            index.add_with_ids(rows, there)
            self._ids.update(there.tolist())
        index.nprobe = min(lists, max(PROBED_AT_LEAST, round(PROBED * lists)))
        self._index, self._drawn_from, self._come = index, len(self), 0
        self._unwritten = len(self)

    def _only(self, among: Sequence[int]) -> Any:
        chosen = self._faiss.IDSelectorBatch(np.asarray(among, np.int64))
        if not self._drawn_from:
            return self._faiss.SearchParameters(sel=chosen)
        return self._faiss.SearchParametersIVF(sel=chosen, nprobe=self._index.nlist)
