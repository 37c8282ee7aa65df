"""How the past fades: half-lives, and the one accumulator that profiles and intent share."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

KEPT_OPEN = 16  # newest events held apart, so that a read may reach back before them


def fade(ages: ArrayLike, *, half_life: float) -> Floats:
    """Weight of events by age: 1 now, 1/2 after one half-life, 0 if not yet happened.

    >>> fade([0.0, 6.0, 12.0, -1.0], half_life=6.0)
    array([1.  , 0.5 , 0.25, 0.  ])
    """
    _require_half_life(half_life)
    age = np.asarray(ages, dtype=np.float64)
    return np.where(age < 0, 0.0, np.exp2(-np.maximum(age, 0.0) / half_life))


class Event(NamedTuple):
    """One addition that is still held apart from the sum (a tuple, as millions are made)."""

    time: float
    key: str
    value: Any
    at: Any = ()
    note: Any = None


_in_order = itemgetter(0, 1)  # by time, then key; a value may be an array, which has no order
_event = tuple.__new__  # skips the argument handling of Event(...), a third of the cost of add


class DecayedSum:
    """S(t) = Σ wᵢ xᵢ 2^(−(t−tᵢ)/h), for one or several half-lives h at once.

    Adding is O(1). The newest events are held apart (at most `keep` after each settling), so a
    late event is exact, an event after t weighs nothing at t, and the result does not depend on
    the order or the partition in which events came. Times and half-lives share one unit.

    >>> likes = DecayedSum([1.0, 14.0])
    >>> likes.add(0.0, 2.0)
    >>> likes.read(1.0).round(3)
    array([1.   , 1.903])
    >>> likes.read(-1.0)
    array([0., 0.])
    """

    __slots__ = ("anchor", "half_lives", "keep", "open", "total")

    def __init__(
        self, half_lives: Sequence[float], shape: tuple[int, ...] = (), *, keep: int = KEPT_OPEN
    ) -> None:
        for half_life in half_lives:
            _require_half_life(half_life)
        if keep < 0:
            raise BadInput(f"keep must not be negative, got {keep}")
        self.half_lives = np.asarray(half_lives, dtype=np.float64)
        self.total: Floats = np.zeros((len(half_lives), *shape))
        self.anchor = -np.inf
        self.keep = keep
        self.open: list[Event] = []

    def add(
        self, time: float, value: Any, *, at: Any = (), key: str = "", note: Any = None
    ) -> None:
        """Take one weighted value in; `at` names a cell, `key` orders events of the same time."""
        self.open.append(_event(Event, (time, key, value, at, note)))
        if len(self.open) > 4 * self.keep:
            self.settle()

    def add_many(self, times: ArrayLike, values: ArrayLike, *, at: ArrayLike) -> None:
        """Take many weighted numbers in at once, each for its own cell of a one-row shape."""
        when, what, cells = np.asarray(times), np.asarray(values), np.asarray(at)
        order = np.argsort(when, kind="stable")
        split = max(len(order) - self.keep, 0)
        ripe, fresh = order[:split], order[split:]
        if split:
            self._fold(when[ripe], what[ripe], cells[ripe])
        for time, value, cell in zip(
            when[fresh].tolist(), what[fresh].tolist(), cells[fresh].tolist(), strict=True
        ):
            self.add(time, value, at=cell)

    def add_total(self, total: Floats, anchor: float) -> None:
        """Take in what was summed elsewhere, as of `anchor`."""
        self._move_anchor(max(self.anchor, anchor))
        if anchor > -np.inf:
            self.total += _spread(self._decay(self.anchor - anchor), total) * total

    def settle(self) -> None:
        """Fold all but the newest `keep` events into the sum."""
        if len(self.open) <= self.keep:
            return
        self.open.sort(key=_in_order)
        split = len(self.open) - self.keep
        ripe, self.open = self.open[:split], self.open[split:]
        times, _, values, cells, _ = zip(*ripe, strict=True)
        self._fold(np.array(times, dtype=np.float64), values, cells)

    def merge(self, other: DecayedSum) -> Self:
        """The sum over both histories, as if they had been one."""
        if not np.array_equal(self.half_lives, other.half_lives):
            raise BadInput(f"half-lives differ: {self.half_lives} and {other.half_lives}")
        if self.total.shape != other.total.shape:
            raise BadInput(f"shapes differ: {self.total.shape} and {other.total.shape}")
        both = self.copy()
        both.add_total(other.total, other.anchor)
        both.open += other.open
        both.settle()
        return both

    def read(self, now: float) -> Floats:
        """S(now), one row a half-life; events later than now weigh nothing yet."""
        if now < self.anchor:
            raise BadInput(
                f"cannot read at {now}: events up to {self.anchor} are folded already; "
                f"a larger keep (now {self.keep}) lets a read reach further back"
            )
        sums = self._settled(now)
        happened = [event for event in self.open if event.time <= now]
        if happened:
            times, _, values, cells, _ = zip(*happened, strict=True)
            self._pour(sums, self._decay(now - np.array(times)), values, cells)
        return sums

    def newest(self, now: float = np.inf) -> list[Event]:
        """The newest events held apart that have happened by `now`, oldest first."""
        happened = [event for event in list(self.open) if event.time <= now]
        happened.sort(key=_in_order)
        return happened[max(len(happened) - self.keep, 0) :]

    def copy(self) -> Self:
        """An independent twin."""
        twin = type(self)(list(self.half_lives), self.total.shape[1:], keep=self.keep)
        twin.total, twin.anchor, twin.open = self.total.copy(), self.anchor, list(self.open)
        return twin

    def _settled(self, now: float) -> Floats:
        if self.anchor == -np.inf:
            return self.total.copy()
        return _spread(self._decay(now - self.anchor), self.total) * self.total

    def _decay(self, ages: Any) -> Floats:
        """A row of factors a half-life, a column an age."""
        return np.asarray(np.exp2(np.multiply.outer(-1.0 / self.half_lives, ages)))

    def _fold(self, times: Floats, values: Any, cells: Any) -> None:
        """Move events into the sum, whose anchor moves on to the latest of them."""
        self._move_anchor(max(self.anchor, float(times.max())))
        self._pour(self.total, self._decay(self.anchor - times), values, cells)

    def _move_anchor(self, time: float) -> None:
        if time > self.anchor > -np.inf:
            self.total = self._settled(time)
        self.anchor = max(self.anchor, time)

    def _pour(self, sums: Floats, factors: Floats, values: Any, cells: Any) -> None:
        """Add every value, times its column of factors, to its cell of the sums."""
        if sums.ndim == 2 and isinstance(cells[0], (int, np.integer)):
            weighted = factors * np.asarray(values, dtype=np.float64)
            for row, weights in enumerate(weighted):
                sums[row] += np.bincount(cells, weights, minlength=sums.shape[1])
        elif cells.count(()) == len(cells):
            sums += (factors @ _rows(values)).reshape(sums.shape)
        else:
            for factor, value, cell in zip(factors.T, values, cells, strict=True):
                sums[(slice(None), *_cell(cell))] += np.multiply.outer(factor, value)


def _rows(values: Sequence[Any]) -> Floats:
    """A row a value, whatever its shape."""
    if isinstance(values[0], np.ndarray):  # joining takes a third of the time of asarray
        return np.concatenate(values, axis=None, dtype=np.float64).reshape(len(values), -1)
    return np.asarray(values, dtype=np.float64)


def _cell(at: Any) -> tuple[Any, ...]:
    return at if isinstance(at, tuple) else (at,)


def _spread(factors: Floats, rows: Floats) -> Floats:
    return factors.reshape(-1, *([1] * (rows.ndim - 1)))


def _require_half_life(half_life: float) -> None:
    if not half_life > 0:
        raise BadInput(f"half_life must be positive, got {half_life}")
