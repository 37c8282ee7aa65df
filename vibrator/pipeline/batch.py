"""Many people with many contents: factors are kept, blocks are computed on access."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.errors import BadInput
from vibrator.pipeline.outputs import Scores
from vibrator.pipeline.penalties import lowered, named
from vibrator.pipeline.ranking import Contents
from vibrator.profile import Reading
from vibrator.vectors import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

BLOCK_FLOATS = 1 << 20  # values of one computed block: 4 MB, what a cache holds


class Factors(NamedTuple):
    """What a score is made of, before people and items meet."""

    by_person: Block  # people x sliders: weighted user_to_slider and recency
    by_item: Block  # sliders x items: weighted item_to_slider
    belongs: Block  # sliders x items: chance that the item belongs to the slider
    evidence: NDArray[np.float64]  # people


class ScoreBatch:
    """Scores of people x items x sliders.

    `batch[person][item]` is what `score` would say; `raw_score` and `probability` behave as
    arrays of shape (people, items, sliders) and compute what is looked at; `blocks()` walks
    through all of it in bounded memory. With pairs, the shape is (pairs, sliders).
    """

    def __init__(  # noqa: PLR0913 - made by the scorer alone
        self,
        scorer: Any,  # the SliderScorer that made it, which stands above
        people: tuple[Any, ...],
        contents: Contents,
        readings: list[Reading | None],
        weights: dict[str, float],
        pulls: NDArray[np.float64],
        *,
        pairs: bool,
    ) -> None:
        self.people, self.items, self.pairs = people, contents.keys, pairs
        self.sliders = tuple(scorer.sliders)
        self._scorer, self._readings, self._weights = scorer, readings, weights
        self._vectors = np.ascontiguousarray(contents.vectors, dtype=np.float32)
        self._pulls = pulls
        self._place = {key: place for place, key in enumerate(people)}
        self._item_place = {key: place for place, key in enumerate(self.items)}
        self._factors = self._make_factors()
        self.raw_score = Lazy(self, 0)
        self.probability = Lazy(self, 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """(people, items, sliders), or (pairs, sliders)."""
        count = (len(self.people),) if self.pairs else (len(self.people), len(self.items))
        return (*count, len(self.sliders))

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self) -> Iterator[Any]:
        return iter(self[person] for person in self.people)

    def __getitem__(self, person: Any) -> Any:
        """One person's row; with pairs, that pair's scores."""
        place = _place(self._place, person, "person")
        return self._at(place, place) if self.pairs else Row(self, place)

    def blocks(self) -> Iterator[tuple[slice, Block, Block]]:
        """(people, raw scores, probabilities), a few people at a time."""
        size = 1 if self.pairs else len(self.items)
        step = max(1, BLOCK_FLOATS // max(1, size * len(self.sliders)))
        for people in blocks(len(self.people), step):
            yield people, *self._block(people, (True, True))

    def _at(self, person: int, item: int) -> Scores:
        content = self._scorer.content(self._vectors[item].astype(np.float64))
        pulled = named(self._scorer.penalties, self._pulls[item])
        reading = self._readings[person]
        scores: Scores = self._scorer.outputs(reading, content, self._weights, pulled)
        return scores

    def _make_factors(self) -> Factors:
        scorer, w = self._scorer, self._weights
        sliders = scorer.slider_vectors
        nobody = np.zeros(sliders.shape[1])
        known = [nobody if r is None else r.vector for r in self._readings]
        self._people_vectors = np.array(known, dtype=np.float32).reshape(-1, nobody.size)
        recency = np.array([scorer.recency(r) for r in self._readings])[:, None]
        to_item = sliders @ self._vectors.reshape(-1, nobody.size).T
        to_slider = self._people_vectors @ sliders.T
        belongs = scorer.zero_shot.belongs(to_item.T, scorer.prior_logits).T
        return Factors(
            _float32(w["user_to_slider"] * to_slider + w["recency"] * recency),
            _float32(w["item_to_slider"] * to_item + self._pulls.sum(axis=1)),
            _float32(belongs),
            np.array([0.0 if r is None else r.evidence for r in self._readings]),
        )

    def _block(self, people: slice, wanted: tuple[bool, bool]) -> tuple[Any, Any]:
        mine = self._people_vectors[people]
        if self.pairs:
            alignment = np.einsum("ij,ij->i", mine, self._vectors[people])[:, None]
        else:
            alignment = mine @ self._vectors.T
        need_raw = wanted[0] or bool(self._scorer.calibrators)
        raw = self._raw(people, alignment) if need_raw else None
        probability = self._probability(people, alignment, raw) if wanted[1] else None
        return self._as_asked(raw), self._as_asked(probability)

    def _raw(self, people: slice, alignment: Block) -> Block:
        by_item = self._items_of(self._factors.by_item, people)
        out: Block = self._factors.by_person[people, :, None] + by_item
        out += np.float32(self._weights["user_item_alignment"]) * alignment[:, None, :]
        return out

    def _probability(self, people: slice, alignment: Block, raw: Block | None) -> Block:
        evidence = self._factors.evidence[people, None]
        likes = self._scorer.zero_shot.likes(alignment, evidence)
        out: Block = self._items_of(self._factors.belongs, people) * likes[:, None, :]
        if self._scorer.penalties:
            pulled = np.broadcast_to(self._pulls.sum(axis=1), (len(self.sliders), len(self._pulls)))
            out = _float32(lowered(out, self._items_of(pulled, people)))
        for column, name in enumerate(self.sliders):
            if name in self._scorer.calibrators and raw is not None:
                scores = raw[:, column].astype(np.float64)
                answers = np.asarray(self._scorer.calibrators[name].transform(scores))
                if not ((answers >= 0) & (answers <= 1)).all():
                    raise BadInput(f"the calibrator of {name!r} must answer from 0 to 1")
                out[:, column] = answers
        return out

    def _items_of(self, by_item: Block, people: slice) -> Block:
        return by_item.T[people, :, None] if self.pairs else by_item[None]

    def _as_asked(self, block: Block | None) -> Any:
        if block is None:
            return None
        return block[:, :, 0] if self.pairs else block.transpose(0, 2, 1)


class Row:
    """One person's scores over the items."""

    def __init__(self, batch: ScoreBatch, person: int) -> None:
        self._batch, self._person = batch, person

    def __len__(self) -> int:
        return len(self._batch.items)

    def __iter__(self) -> Iterator[Scores]:
        return (self._batch._at(self._person, item) for item in range(len(self)))

    def __getitem__(self, item: Any) -> Scores:
        return self._batch._at(self._person, _place(self._batch._item_place, item, "item"))


class Lazy:
    """An array that computes the people it is asked for."""

    dtype = np.dtype(np.float32)

    def __init__(self, batch: ScoreBatch, which: int) -> None:
        self._batch, self._which = batch, which

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole."""
        return self._batch.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Block]:
        return (self[person] for person in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: FBT001
        if copy is False:
            raise BadInput("the scores are computed on access: an array of them is always a copy")
        whole = np.empty(self.shape, dtype=np.float32)
        for people, *both in self._batch.blocks():
            whole[people] = both[self._which]
        return whole if dtype is None else whole.astype(dtype)

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(first, (int, np.integer)):
            place = range(len(self))[int(first)]
            return self._compute(slice(place, place + 1))[(0, *rest)]
        if isinstance(first, slice) and first.step in {None, 1}:
            return self._compute(slice(*first.indices(len(self))[:2]))[(slice(None), *rest)]
        return np.asarray(self)[key]

    def _compute(self, people: slice) -> Block:
        wanted = (self._which == 0, self._which == 1)
        return np.asarray(self._batch._block(people, wanted)[self._which])


def _place(places: dict[Any, int], key: Any, what: str) -> int:
    if key in places:
        return places[key]
    raise BadInput(f"no {what} {key!r} in this batch of {len(places)}")


def _float32(array: Any) -> Block:
    return np.ascontiguousarray(array, dtype=np.float32)
