"""What a picture shows: plain values, valid from birth, and the words around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vibrator.errors import BadInput


def tidy(value: float) -> str:
    """A number as a person writes it on an axis.

    >>> tidy(0.30000000000000004), tidy(12000.0), tidy(-0.0)
    ('0.3', '12,000', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value + 0.0:.3g}".replace("-", "−")


def percent(value: float) -> str:
    """A share in percent.

    >>> percent(0.125), percent(0.3)
    ('12.5%', '30%')
    """
    return f"{tidy(100 * value)}%"


WIDTH = 640  # pixels of a picture that is not told another


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a picture: its words, its size, its axes."""

    title: str
    subtitle: str = ""
    x_label: str = ""
    y_label: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_format: Callable[[float], str] = tidy
    y_format: Callable[[float], str] = tidy
    width: int = WIDTH
    height: int = 320
    description: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, smooth or in steps, with or without a band around it; x may be times.

    `dots` marks every point, where only the points count and the line between them leads the eye.
    """

    label: str
    x: Sequence[Any]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    step: bool = False
    dots: bool = False

    def __post_init__(self) -> None:
        for name in ("y", "low", "high"):
            values = finite(f"{name} of {self.label!r}", getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != len(self.x) and (name == "y" or values):
                raise BadInput(f"{name} must be as long as x ({len(self.x)}), got {len(values)}")
        if len(self.low) != len(self.high):
            raise BadInput(f"a band needs low and high, got {len(self.low)} and {len(self.high)}")
        if not self.y:
            raise BadInput(f"line {self.label!r} must have at least one point, got none")


@dataclass(frozen=True, slots=True)
class Bar:
    """One labelled value with its interval, and a note to read under it."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        if len(ends) == 1:
            raise BadInput(f"an interval needs low and high, got {self.low} and {self.high}")
        finite(f"bar {self.label!r}", [self.value, *ends])

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest number that the bar shows."""
        ends = [self.value, *(end for end in (self.low, self.high) if end is not None)]
        return min(ends), max(ends)


@dataclass(frozen=True, slots=True)
class Mark:
    """A dashed line of reference at one x or one y."""

    at: Any
    label: str = ""
    axis: str = "y"


def finite(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """The values, or a refusal that shows them."""
    numbers = tuple(float(value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise BadInput(f"{name} must hold finite numbers, got {numbers!r:.80}")
    return numbers


def require_some(name: str, values: Any) -> None:
    """Refuse what is empty."""
    if len(values) == 0:
        raise BadInput(f"{name} must not be empty, got {values!r}")
