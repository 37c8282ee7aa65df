"""Many rows through many small trees at once, several times faster than a walk down each tree.

A test that sends a row to the right rules out every leaf on its left. So each leaf is a bit, each
test a comparison of one whole column, and the first leaf that no test has ruled out is the row's
(the idea of QuickScorer, Lucchese et al. 2015). Sums run in LightGBM's order: the raw scores are
LightGBM's own, bit for bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.optional import need
from vibrator.vectors import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]

TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
END = "end of trees"
BITS = (np.uint8, np.uint16, np.uint32, np.uint64)
MOST_LEAVES = 64
BLOCK = 32_768  # rows at once: their bits and one column fit a core's cache
CATEGORY, GAP_LEFT, GAP_KIND, GAP_ITSELF = 1, 2, 12, 8  # LightGBM's decision_type, bit by bit
NO_CATEGORY = np.intp(1 << 30)  # past the end of every table of categories

NO_TREE = "num_leaves=1\nnum_cat=0\nleaf_value=0\nis_linear=0\nshrinkage=1\n\n\n"


@dataclass(frozen=True, slots=True)
class Split:
    """One test: right where the column exceeds `threshold`, or where `table` says so by category.

    A gap goes left unless `gap_right`; with `gap_zero` it counts as 0.
    """

    feature: int
    threshold: np.float32
    table: NDArray[np.uint8] | None
    gap_right: bool
    gap_zero: bool
    rules_out: np.unsignedinteger[Any]

    def right(self, columns: Columns, out: NDArray[np.bool_]) -> None:
        """Which rows go right, into `out`."""
        if self.table is not None:
            codes = columns.codes(self.feature)
            np.take(self.table, codes, out=out.view(np.uint8), mode="clip")
        elif self.gap_right:
            np.less_equal(columns.of(self.feature), self.threshold, out=out)
            np.logical_not(out, out=out)
        else:
            column = columns.filled if self.gap_zero else columns.of
            np.greater(column(self.feature), self.threshold, out=out)


@dataclass(frozen=True, slots=True)
class Tree:
    """Tests in any order, and the value of each leaf from left to right behind an unused first."""

    splits: tuple[Split, ...]
    values: Floats
    bits: type[np.unsignedinteger[Any]]


class Columns:
    """A block of rows by column: as it is, with gaps as 0, as categories; each made once."""

    def __init__(self, X: Matrix) -> None:
        self.X = np.ascontiguousarray(X.T)
        self._filled: dict[int, NDArray[np.float32]] = {}
        self._codes: dict[int, NDArray[np.intp]] = {}

    def of(self, feature: int) -> NDArray[np.float32]:
        """The column as it is."""
        column: NDArray[np.float32] = self.X[feature]
        return column

    def filled(self, feature: int) -> NDArray[np.float32]:
        """The column with 0 for gaps."""
        if feature not in self._filled:
            self._filled[feature] = np.nan_to_num(self.X[feature], nan=0.0)
        return self._filled[feature]

    def codes(self, feature: int) -> NDArray[np.intp]:
        """The column as whole numbers; a gap is a category that nobody has."""
        if feature not in self._codes:
            column = self.X[feature]
            known = np.where(column >= 0, column, 0.0).astype(np.intp)
            self._codes[feature] = np.where(column >= 0, known, NO_CATEGORY)
        return self._codes[feature]


@dataclass(frozen=True)
class Forest:
    """Boosters over the same features, by LightGBM's texts."""

    texts: tuple[str, ...]

    @cached_property
    def boosters(self) -> tuple[tuple[Tree, ...], ...]:
        """The trees of each booster."""
        return tuple(tuple(read_tree(f) for f in tree_fields(text)) for text in self.texts)

    @cached_property
    def fits(self) -> bool:
        """Whether every tree is small enough for its leaves to be the bits of one word."""
        sizes = (int(fields["num_leaves"]) for text in self.texts for fields in tree_fields(text))
        return max(sizes, default=0) <= MOST_LEAVES

    @cached_property
    def merged(self) -> Any:
        """All of them as one LightGBM booster with a class for each."""
        return need("lightgbm", extra="ltv").Booster(model_str=merge(self.texts))

    def predict_few(self, X: Matrix) -> Floats:
        """Raw scores by one call of LightGBM, which costs more than the trees do for one row."""
        scores = np.asarray(self.merged.predict(X, raw_score=True, num_threads=1))
        return scores.reshape(len(X), len(self.texts))

    def predict(self, X: Matrix) -> Floats:
        """Raw scores, a column a booster."""
        out = np.empty((len(X), len(self.texts)))
        for rows in blocks(len(X), BLOCK):
            columns = Columns(X[rows])
            for at, trees in enumerate(self.boosters):
                out[rows, at] = _sum(trees, columns)
        return out


def _sum(trees: tuple[Tree, ...], columns: Columns) -> Floats:
    size = columns.X.shape[1]
    right, total, value = np.empty(size, dtype=bool), np.zeros(size), np.empty(size)
    for tree in trees:
        gone, part = np.zeros(size, dtype=tree.bits), np.empty(size, dtype=tree.bits)
        for split in tree.splits:
            split.right(columns, right)
            np.multiply(right, split.rules_out, out=part)
            np.bitwise_or(gone, part, out=gone)
        np.add(gone, tree.bits(1), out=part)
        np.bitwise_xor(gone, part, out=part)  # ones up to the first leaf that is left
        np.take(tree.values, np.bitwise_count(part), out=value, mode="clip")
        np.add(total, value, out=total)
    return total


def merge(texts: Sequence[str]) -> str:
    """The text of one booster whose class k is the k-th booster; trees are dealt out in turns."""
    split = [TREE.split(text.partition(END)[0]) for text in texts]
    turns = zip_longest(*(trees for _, *trees in split), fillvalue=NO_TREE)
    trees = [
        f"Tree={at}\n{tree}" for at, tree in enumerate(tree for turn in turns for tree in turn)
    ]
    counts = {"num_class": len(texts), "num_tree_per_iteration": len(texts)}
    head = [
        f"{key}={counts[key]}" if (key := line.partition("=")[0]) in counts else line
        for line in split[0][0].splitlines()
        if line and not line.startswith(("objective=", "tree_sizes="))
    ]
    sizes = " ".join(str(len(tree.encode())) for tree in trees)
    return "\n".join([*head, f"tree_sizes={sizes}", "", "".join(trees) + END, ""])


def tree_fields(text: str) -> list[dict[str, str]]:
    """The lines of each tree in a LightGBM text, by name."""
    _, *trees = TREE.split(text.partition(END)[0])
    return [dict(line.split("=", 1) for line in tree.splitlines() if line) for tree in trees]


def read_tree(fields: Mapping[str, str]) -> Tree:
    """A tree from its lines: leaves are counted from left to right as they are met."""
    size = int(fields["num_leaves"])
    bits = next(kind for kind in BITS if size <= np.iinfo(kind).bits)
    values = _floats(fields["leaf_value"])
    if size == 1:
        return Tree((), np.concatenate([[0.0], values]), bits)
    left, right = _ints(fields["left_child"]), _ints(fields["right_child"])
    order: list[int] = []
    rules_out = [0] * len(left)

    def leaves_below(node: int) -> int:
        if node < 0:
            order.append(~node)
            return 1 << (len(order) - 1)
        rules_out[node] = leaves_below(left[node])
        return rules_out[node] | leaves_below(right[node])

    leaves_below(0)
    splits = tuple(_split(fields, node, bits(mask)) for node, mask in enumerate(rules_out))
    return Tree(splits, np.concatenate([[0.0], values[order]]), bits)


def _split(fields: Mapping[str, str], node: int, rules_out: np.unsignedinteger[Any]) -> Split:
    kind = _ints(fields["decision_type"])[node]
    threshold = _floats(fields["threshold"])[node]
    table = _right_table(fields, int(threshold)) if kind & CATEGORY else None
    return Split(
        feature=_ints(fields["split_feature"])[node],
        threshold=_at_most(threshold),
        table=table,
        gap_right=kind & GAP_KIND == GAP_ITSELF and not kind & GAP_LEFT,
        gap_zero=kind & GAP_KIND != GAP_ITSELF,
        rules_out=rules_out,
    )


def _at_most(threshold: float) -> np.float32:
    """The largest single that does not exceed it: the same singles lie below both."""
    single = np.float32(threshold)
    return np.nextafter(single, np.float32(-np.inf)) if float(single) > threshold else single


def _right_table(fields: Mapping[str, str], place: int) -> NDArray[np.uint8]:
    """1 for each category that goes right, and for all beyond the table by its last entry."""
    borders = _ints(fields["cat_boundaries"])
    words = np.array(_ints(fields["cat_threshold"]), dtype="<u4")[
        borders[place] : borders[place + 1]
    ]
    goes_left = np.unpackbits(words.view(np.uint8), bitorder="little")
    return np.concatenate([1 - goes_left, [1]]).astype(np.uint8)


def _ints(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def _floats(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)
