"""Which items fill a slate: popular ones first, or those that score best on the intent."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np

from vibrator.decisions import Situation
from vibrator.errors import BadInput, UnknownName

SEEN = "seen"  # key of a situation's context: ids of items that the person knows already


class Picker(Protocol):
    """Chooses the items of a slate."""

    def pick(
        self, situation: Situation, refused: Mapping[str, str], category: Any, size: int
    ) -> tuple[str, ...]:
        """Up to `size` candidates, none refused or seen, those of the category before others."""
        ...


@dataclass(frozen=True, slots=True)
class PopularFirst:
    """Unseen items of the category in popularity order, then any unseen popular item.

    Candidates that `popular` does not name come after those it names, in the order given.
    """

    popular: Sequence[str] = ()
    category_of: Mapping[str, Hashable] = field(default_factory=dict)
    _place: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place", {item: i for i, item in enumerate(self.popular)})

    def pick(
        self, situation: Situation, refused: Mapping[str, str], category: Any, size: int
    ) -> tuple[str, ...]:
        """The first `size` of what is left."""
        last = len(self._place)
        left = sorted(_left(situation, refused), key=lambda item: self._place.get(item, last))
        own = [i for i in left if category is not None and self.category_of.get(i) == category]
        chosen = set(own)
        return tuple(islice(chain(own, (i for i in left if i not in chosen)), size))


@dataclass(frozen=True, slots=True)
class BestScored:
    """Candidates by their score on the slider that leads the intent; for intent over sliders."""

    sliders: Sequence[str]

    def pick(
        self, situation: Situation, refused: Mapping[str, str], category: Any, size: int
    ) -> tuple[str, ...]:
        """The `size` best of what is left; with no leading slider, by their best score on any."""
        scores = np.asarray(situation.scores, dtype=np.float64)
        if scores.shape != (len(situation.candidates), len(self.sliders)):
            raise BadInput(
                f"scores must have a row a candidate and a column a slider, got {scores.shape}"
            )
        if category is not None and category not in self.sliders:
            raise UnknownName(f"no slider {category!r}; known: {list(self.sliders)}")
        column = scores.max(axis=1) if category is None else scores[:, self._place(category)]
        worth = dict(zip(situation.candidates, column.tolist(), strict=True))
        return tuple(sorted(_left(situation, refused), key=worth.__getitem__, reverse=True)[:size])

    def _place(self, slider: str) -> int:
        return list(self.sliders).index(slider)


def _left(situation: Situation, refused: Mapping[str, str]) -> list[str]:
    seen = set(situation.context.get(SEEN, ()))
    return [item for item in situation.candidates if item not in refused and item not in seen]
