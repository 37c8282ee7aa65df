"""Preference dimensions, named in words: a slider."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from vibrator.checks import require_text
from vibrator.errors import BadInput

VERSION_DIGITS = 12
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Slider:
    """One dimension of preference: its words, the words of its other pole, its version.

    A changed text is a new version, so that calibrators can belong to one.

    >>> Slider("detailed technical documentation").version
    'e23dd778fff4'
    >>> Slider("")
    Traceback (most recent call last):
    vibrator.errors.BadInput: slider text must be a text with words in it, got ''
    """

    text: str
    opposite: str | None = None
    version: str = ""

    def __post_init__(self) -> None:
        require_text("slider text", self.text)
        if self.opposite is not None:
            require_text("opposite", self.opposite)
            if self.opposite.strip() == self.text.strip():
                raise BadInput(f"opposite must differ from the slider text, got {self.opposite!r}")
        if not self.version:
            words = self.text if self.opposite is None else f"{self.text}\x1f{self.opposite}"
            object.__setattr__(self, "version", _digest(words.encode()))


@dataclass(frozen=True, slots=True)
class SliderVector:
    """A dimension given as a direction instead of words."""

    vector: tuple[float, ...]
    version: str = ""

    def __post_init__(self) -> None:
        array = np.asarray(self.vector, dtype=np.float64)
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all() or not array.any():
            found = np.array2string(array, threshold=8)
            raise BadInput(f"a slider vector must be a finite row, not all zero, got {found}")
        if not self.version:
            object.__setattr__(self, "version", _digest(array.tobytes()))


class SliderSet(Mapping[str, "Slider | SliderVector"]):
    """Named sliders in the order given; text, vectors and Slider values may be mixed.

    >>> list(SliderSet({"docs": "technical documentation", "fun": Slider("jokes", "serious")}))
    ['docs', 'fun']
    """

    def __init__(self, sliders: Mapping[str, Any]) -> None:
        if not isinstance(sliders, Mapping) or not sliders:
            raise BadInput(f"sliders must map at least one name to a text, got {sliders!r}")
        self._sliders = {require_text("slider name", n): _slider(s) for n, s in sliders.items()}
        _require_one_width(self._sliders)

    def __getitem__(self, name: str) -> Slider | SliderVector:
        return self._sliders[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sliders)

    def __len__(self) -> int:
        return len(self._sliders)

    def __repr__(self) -> str:
        return f"SliderSet({self._sliders!r})"

    @property
    def versions(self) -> dict[str, str]:
        """Name to version, as decisions record them."""
        return {name: slider.version for name, slider in self._sliders.items()}

    def of_version(self, kept: Mapping[tuple[str, str], Kept]) -> dict[str, Kept]:
        """What was kept by (name, version) and still belongs: calibrators of unchanged sliders.

        >>> sliders = SliderSet({"fun": "jokes"})
        >>> sliders.of_version({("fun", sliders["fun"].version): "new", ("fun", "older"): "old"})
        {'fun': 'new'}
        """
        wanted = self.versions.items()
        return {name: kept[name, version] for name, version in wanted if (name, version) in kept}

    def changes(self, versions: Mapping[str, str]) -> dict[str, str]:
        """What became of the sliders that had these versions: "new", "changed" or "gone".

        >>> SliderSet({"fun": "jokes", "docs": "manuals"}).changes({"fun": "other", "old": "x"})
        {'fun': 'changed', 'docs': 'new', 'old': 'gone'}
        """
        found = {
            name: "changed" if name in versions else "new"
            for name, version in self.versions.items()
            if versions.get(name) != version
        }
        return found | dict.fromkeys((name for name in versions if name not in self), "gone")


def _slider(value: Any) -> Slider | SliderVector:
    if isinstance(value, (Slider, SliderVector)):
        return value
    if isinstance(value, str):
        return Slider(value)
    try:
        row = tuple(np.asarray(value, dtype=np.float64).tolist())
    except (TypeError, ValueError):
        raise BadInput(f"a slider must be a text, a vector or a Slider, got {value!r}") from None
    return SliderVector(row)


def _require_one_width(sliders: Mapping[str, Slider | SliderVector]) -> None:
    widths = {n: len(s.vector) for n, s in sliders.items() if isinstance(s, SliderVector)}
    if len(set(widths.values())) > 1:
        raise BadInput(f"slider vectors must be equally long, got lengths {widths}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:VERSION_DIGITS]
