"""Penalties as data: what content says, or is like, that pulls its scores down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np

from vibrator.checks import require_finite, require_positive, require_text
from vibrator.errors import BadInput
from vibrator.sliders import Slider
from vibrator.weights import FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NO_PULLS: Mapping[str, float] = {}
LOG_ODDS_PER_SCORE = 10.0  # alignment moves log-odds 12 times as much as it moves a raw score


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """Takes `amount` off every raw score of content that says a phrase, or is like a slider.

    Phrases are found as whole words, whatever their case, their way of writing an accent or the
    shape of an apostrophe. A slider is the words of a dimension;
    the penalty applies from the likeness (cosine) `above` on. The contribution bears the penalty's
    name; a probability without a calibrator loses ten times the amount in log-odds.

    >>> Penalty(name="bait", amount=0.2, phrases=("you will love",)).says("Tips you will LOVE!")
    True
    """

    name: str
    amount: float
    phrases: tuple[str, ...] = ()
    slider: str | Slider | None = None
    above: float = 0.35

    def __post_init__(self) -> None:
        if require_text("penalty name", self.name) in FEATURES:
            raise BadInput(f"a penalty cannot be called {self.name!r}, which is a feature")
        require_positive(f"amount of {self.name!r}", self.amount)
        object.__setattr__(self, "phrases", _phrases(self.name, self.phrases))
        if bool(self.phrases) == (self.slider is not None):
            raise BadInput(f"penalty {self.name!r} must have phrases in a tuple, or a slider")
        if isinstance(self.slider, str):
            object.__setattr__(self, "slider", Slider(self.slider))
        if not isinstance(self.slider, Slider | None):
            raise BadInput(f"slider of {self.name!r} must be words, got {self.slider!r:.60}")
        if not -1.0 <= require_finite("above", self.above) <= 1.0:
            raise BadInput(f"above must be a cosine, from -1 to 1, got {self.above!r}")

    def says(self, text: str) -> bool:
        """Whether the text says one of the phrases."""
        return bool(self.phrases) and _pattern(self.phrases).search(_plain(text)) is not None


def require_penalties(penalties: Iterable[Penalty]) -> tuple[Penalty, ...]:
    """Penalties with a name each."""
    if not isinstance(penalties, Iterable):
        raise BadInput(f"penalties must be a list of Penalty values, got {penalties!r}")
    listed = tuple(penalties)
    for one in listed:
        if not isinstance(one, Penalty):
            raise BadInput(f"penalties must be Penalty values, got {one!r}")
    names = [one.name for one in listed]
    if len(set(names)) < len(names):
        raise BadInput(f"penalties must have different names, got {names}")
    return listed


def pulls(
    penalties: Sequence[Penalty],
    texts: Sequence[str] | None,
    vectors: NDArray[np.floating],
    directions: Mapping[str, Floats],
) -> Floats:
    """A row a content, a column a penalty: minus its amount where it applies, else 0.

    `directions` are the unit vectors of those penalties that have a slider.
    """
    table = np.zeros((len(vectors), len(penalties)))
    for column, penalty in enumerate(penalties):
        if penalty.phrases:
            if texts is None:
                raise BadInput(f"penalty {penalty.name!r} reads texts, got encoded content")
            applies: Any = [penalty.says(text) for text in texts]
        else:
            applies = np.asarray(vectors) @ directions[penalty.name] >= penalty.above
        table[np.asarray(applies, dtype=bool), column] = -penalty.amount
    return table


def named(penalties: Sequence[Penalty], row: Sequence[float]) -> dict[str, float]:
    """The penalties that apply, by name, for the contributions."""
    return {one.name: float(pull) for one, pull in zip(penalties, row, strict=True) if pull}


def lowered(probabilities: Any, pulled: Any) -> Any:
    """Probabilities whose log-odds move by ten times a pull, which is negative.

    >>> lowered(np.array([0.5]), -0.2).round(3)
    array([0.119])
    """
    odds = probabilities * np.exp(LOG_ODDS_PER_SCORE * pulled)
    return odds / (odds + 1.0 - probabilities)


def _phrases(name: str, given: object) -> tuple[str, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise BadInput(f"penalty {name!r} must have phrases in a tuple, got {given!r:.60}")
    return tuple(require_text("phrase", phrase) for phrase in given)


def _plain(text: str) -> str:
    return normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


@cache
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    worded = (r"\s+".join(map(re.escape, _plain(phrase).split())) for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{'|'.join(worded)})(?!\w)")
