"""Who sees what: a stable hash, so that every process at every time gives the same answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.checks import require_positive, require_share, require_text
from vibrator.errors import BadInput
from vibrator.experiments.design import Experiment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a layer: experiments on different slices of one layer never share a unit."""

    layer: str
    start: float
    end: float

    def __post_init__(self) -> None:
        require_text("layer", self.layer)
        if not 0 <= require_share("start", self.start) < require_share("end", self.end):
            raise BadInput(f"a slice rises within 0 to 1, got {self.start} to {self.end}")


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share of the units that no experiment of this name touches."""

    name: str
    share: float

    def __post_init__(self) -> None:
        require_text("name", self.name)
        require_share("share", self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Weights of the variants, on a slice of a layer, outside a holdout.

    A unit goes to the variant with the largest wᵥ / −log uᵥ (weighted rendezvous), where uᵥ is a
    hash of unit, experiment, salt and variant. So when weights change, units move only from
    variants that lost share to variants that gained it; `known` keeps even those where they were.

    >>> plan = Allocation(experiment_id="hooks", weights={"question": 1, "claim": 1})
    >>> plan.assign(["ada", "bruno", "chioma"])
    ['claim', 'claim', 'question']
    """

    experiment_id: str
    weights: Mapping[str, float]
    salt: str = ""
    slice: Slice | None = None
    holdout: Holdout | None = None

    def __post_init__(self) -> None:
        require_text("experiment_id", self.experiment_id)
        if len(self.weights) < 2:
            raise BadInput(f"an allocation needs 2 variants, got {list(self.weights)}")
        for label, weight in self.weights.items():
            require_text("variant", label)
            require_positive(f"the weight of {label!r}", weight)

    @classmethod
    def of(cls, experiment: Experiment, **rest: Any) -> Allocation:
        """The allocation that an experiment's own weights say."""
        weights = dict(zip(experiment.labels, experiment.shares(), strict=True))
        return cls(experiment_id=experiment.id, weights=weights, **rest)

    def assign(
        self, units: Sequence[str], *, known: Mapping[str, str] | None = None
    ) -> list[str | None]:
        """The variant of every unit, None where the unit takes no part."""
        words = _unit_words(units)
        labels = np.empty(len(self.weights) + 1, dtype=object)
        labels[:-1] = list(self.weights)  # the last entry stays None: takes no part
        places = np.where(self._takes_part(words), self._places(words), len(self.weights))
        assigned: list[str | None] = labels[places].tolist()
        if known:
            assigned = [known.get(unit, label) for unit, label in zip(units, assigned, strict=True)]
        return assigned

    def assign_one(self, unit: str) -> str | None:
        """The variant of one unit."""
        return self.assign([unit])[0]

    def _places(self, words: Words) -> NDArray[np.intp]:
        scores = np.empty((len(self.weights), len(words)))
        for row, (label, weight) in zip(scores, self.weights.items(), strict=True):
            share = _uniform(words, "variant", self.experiment_id, self.salt, label)
            np.divide(-weight, np.log(share, out=share), out=row)
        return np.asarray(scores.argmax(axis=0))

    def _takes_part(self, words: Words) -> NDArray[np.bool_]:
        inside = np.ones(len(words), dtype=bool)
        if self.holdout is not None:
            inside &= _uniform(words, "holdout", self.holdout.name) >= self.holdout.share
        if self.slice is not None:
            place = _uniform(words, "layer", self.slice.layer)
            inside &= (self.slice.start <= place) & (place < self.slice.end)
        return inside


def _unit_words(units: Sequence[str]) -> Words:
    """64 bits a unit: pandas' SipHash of its UTF-8, fixed for all versions and machines."""
    from pandas.util import hash_array

    if isinstance(units, str) or not hasattr(units, "__len__") or set(map(type, units)) - {str}:
        raise BadInput("units must be a sequence of texts (ids)")
    array = np.empty(len(units), dtype=object)
    array[:] = units
    try:
        return np.asarray(hash_array(array, categorize=False), dtype=np.uint64)
    except UnicodeEncodeError as error:
        raise BadInput(f"units must be valid Unicode, got {error.object!r:.80}") from None


def _uniform(words: Words, *names: str) -> NDArray[np.float64]:
    """A number in (0, 1) a unit, independent for every name (splitmix64 over the keyed hash)."""
    key = hashlib.blake2b("\x1f".join(names).encode(), digest_size=8).digest()
    x = words ^ np.uint64(int.from_bytes(key, "little"))
    x += np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return np.asarray(((x >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
