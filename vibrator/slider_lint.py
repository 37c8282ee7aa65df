"""Advice on sliders, before anybody is scored by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.checks import require_share
from vibrator.errors import BadInput
from vibrator.sliders import Slider, SliderSet, SliderVector
from vibrator.vectors import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OVERLAP = 0.6  # cosine from which two sliders say much the same
MOST_WORDS = 12
JOINED = re.compile(r"\b(and|or|as well as|und|oder|et|ou)\b|[;/&+]", re.IGNORECASE)
VAGUE_WORDS = """
a an and any anything are as awesome bad best better content cool everything fun general good great
in interest interesting interests is it item items kind like likes misc nice of or other people
preference preferences quality relevant some something stuff that the they thing things this to
topic topics useful user users various what with
"""
VAGUE = frozenset(VAGUE_WORDS.split())
SENSITIVE: Mapping[str, str] = {
    "health": r"health condition|diagnos\w+|disab\w+|depress\w+|pregnan\w+|hiv|illness|diseases?",
    "religion": r"religi\w+|muslim\w*|christian\w*|jew\w*|hindu\w*|buddhis\w+|atheis\w+",
    "politics": r"politic\w*|(?:left|right)-wing|conservati\w+|liberal\w*|republican\w*|democrats?",
    "sexuality": r"sexual\w*|gay|lesbian\w*|bisexual\w*|queer|transgender",
    "origin": r"ethnic\w*|racial|race|nationality|immigrant\w*|skin colou?r",
    "gender or age": r"gender|women|men|female|male|elderly|old people|young people",
    "trade unions": r"trade unions?|union members?\w*",
    "hardship": r"debts?|bankrupt\w*|addict\w*|gambl\w+|convict\w*",
}
_SENSITIVE = {
    what: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for what, words in SENSITIVE.items()
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What is to be said about a slider: which rule, what was found, what would help."""

    slider: str
    rule: str
    found: str
    cure: str

    def __str__(self) -> str:
        return f"{self.slider}: {self.rule} ({self.found}); {self.cure}"


def lint_sliders(
    sliders: Mapping[str, Any], encoder: Any, *, overlap: float = OVERLAP
) -> list[Advice]:
    """Advice on every slider, in their order; nothing said is nothing found.

    Overlap is the cosine in the encoder at hand. The other rules are about words (English, with
    the joining words of a few languages more) and can be wrong: they ask, they do not refuse.

    >>> from vibrator.encoder import InstructionalEncoder
    >>> encoder = InstructionalEncoder("embedded")
    >>> print(*lint_sliders({"fun": "interesting things"}, encoder))
    fun: says too little ('interesting things'); name what such content is about
    """
    require_share("overlap", overlap)
    known = sliders if isinstance(sliders, SliderSet) else SliderSet(sliders)
    advice = [one for name, slider in known.items() for one in _of_words(name, slider)]
    advice += _overlaps(list(known), likeness(known, encoder), overlap)
    order = list(known)
    return sorted(advice, key=lambda one: order.index(one.slider))


def likeness(sliders: Mapping[str, Any], encoder: Any) -> Floats:
    """The cosine of every slider with every other."""
    if not hasattr(encoder, "encode_sliders"):
        raise BadInput(f"encoder must have encode_sliders, got {encoder!r:.60}")
    directions = {name: _direction(one, encoder) for name, one in SliderSet(sliders).items()}
    widths = {name: len(direction) for name, direction in directions.items()}
    if len(set(widths.values())) > 1:
        raise BadInput(f"slider vectors must be as long as the encoder's, got lengths {widths}")
    rows = unit(np.stack(list(directions.values())))
    return np.asarray(rows @ rows.T, dtype=np.float64)


def _of_words(name: str, slider: Slider | SliderVector) -> Iterator[Advice]:
    if isinstance(slider, SliderVector):
        return
    for text in filter(None, (slider.text, slider.opposite)):
        for rule, finds, cure in WORD_RULES:
            found = finds(text)
            if found:
                yield Advice(name, rule, found, cure)


def _two_intents(text: str) -> str:
    joint = JOINED.search(text)
    return f"{joint.group()!r} in {text!r}" if joint else ""


def _too_long(text: str) -> str:
    count = len(text.split())
    return f"{count} words" if count > MOST_WORDS else ""


def _too_vague(text: str) -> str:
    words = re.findall(r"\w+", text.casefold())
    return repr(text) if all(word in VAGUE for word in words) else ""


def _sensitive(text: str) -> str:
    hits = [f"{what}: {m.group()!r}" for what, p in _SENSITIVE.items() if (m := p.search(text))]
    return ", ".join(hits)


WORD_RULES: tuple[tuple[str, Callable[[str], str], str], ...] = (
    ("has two intents", _two_intents, "make each a slider of its own"),
    (f"is longer than {MOST_WORDS} words", _too_long, "keep the words that tell it from others"),
    ("says too little", _too_vague, "name what such content is about"),
    (
        "may touch a sensitive attribute",
        _sensitive,
        "ask whether people would want to be so sorted",
    ),
)


def _overlaps(names: list[str], likenesses: Floats, limit: float) -> Iterator[Advice]:
    for first, second in zip(*np.nonzero(np.triu(likenesses, 1) >= limit), strict=True):
        found = f"{likenesses[first, second]:.2f} like {names[second]!r}"
        yield Advice(names[first], "overlaps", found, "merge them, or say what sets them apart")


def _direction(slider: Slider | SliderVector, encoder: Any) -> Floats:
    if isinstance(slider, SliderVector):
        return np.asarray(slider.vector, dtype=np.float64)
    texts = [slider.text] if slider.opposite is None else [slider.text, slider.opposite]
    rows = np.asarray(encoder.encode_sliders(texts), dtype=np.float64)
    return np.asarray(rows[0] if slider.opposite is None else rows[0] - rows[1])
