"""One person's actions as arrays, readable as of many moments at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.actions import UserAction
from vibrator.errors import BadInput
from vibrator.profile import FAST, SLOW, Reading, read_actions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

BLOCK_ROWS = 64  # moments that are read with one matrix product
BLOCK_EVENTS = 512  # actions between them, at most, unless two moments lie further apart
HALF_LIVES = (FAST.total_seconds(), SLOW.total_seconds())
SMALLEST_MASS = 1e-300


class Read(NamedTuple):
    """A person as of moments, a row each; what stands where nothing is known is 0."""

    vector: Floats
    evidence: Floats
    hours: Floats  # since the newest action
    end: Places  # how many actions came before


class Trail:
    """The actions of one person, oldest first, with their vectors.

    Reading it before a moment gives what a Profile of the earlier actions gives at that moment.
    """

    def __init__(self, actions: Iterable[UserAction], encoder: Any) -> None:
        self.actions = sorted(actions, key=_by_time)
        self.times = np.array([_seconds(action) for action in self.actions], dtype=np.float64)
        self.weights = np.array([action.weight for action in self.actions], dtype=np.float64)
        self._encoder = encoder

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """A row an action."""
        return np.asarray(self._encoder.encode_actions(self.actions), dtype=np.float32)

    def before(self, moment: datetime) -> Earlier:
        """The person just before a moment."""
        return Earlier(self, moment)

    def reading(self, moment: datetime) -> Reading | None:
        """The person just before one moment: nothing at or after it is in."""
        end = int(np.searchsorted(self.times, moment.timestamp(), side="left"))
        if not end:
            return None
        return read_actions(self.actions[:end], self.vectors[:end], moment)

    def blocks(self, moments: Floats) -> Iterator[tuple[slice, Read]]:
        """The person before each of some rising moments, a few at a time."""
        ends = np.searchsorted(self.times, moments, side="left")
        carried = Carried(self)
        start = 0
        while start < len(ends):
            full = int(np.searchsorted(ends, ends[start] + BLOCK_EVENTS, side="right"))
            rows = slice(start, min(start + BLOCK_ROWS, max(full, start + 1)))
            carried.move(int(ends[start]))
            yield rows, carried.read(moments[rows], ends[rows])
            start = rows.stop


class Carried:
    """The decayed sums of a trail up to a place, as of the last action before it."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.end = 0
        self.sums = [np.zeros(trail.vectors.shape[1]) for _ in HALF_LIVES]
        self.mass = [0.0 for _ in HALF_LIVES]

    def move(self, end: int) -> None:
        """Take in the actions up to this place."""
        if end == self.end:
            return
        anchor = self.trail.times[end - 1 : end]
        for row, half_life in enumerate(HALF_LIVES):
            sums, mass = self._sums(row, half_life, anchor, np.array([end]))
            self.sums[row], self.mass[row] = sums[0], float(mass[0])
        self.end = end

    def read(self, moments: Floats, ends: Places) -> Read:
        """The person as of moments, before each of which so many actions came."""
        known = ends > 0
        latest = self.trail.times[np.maximum(ends - 1, 0)] if len(self.trail.times) else moments
        vector = np.zeros((len(ends), len(self.sums[0])))
        for row, half_life in enumerate(HALF_LIVES):
            sums, mass = self._sums(row, half_life, latest, ends)
            vector += sums / np.maximum(mass, SMALLEST_MASS)[:, None] / len(HALF_LIVES)
        since = np.where(known, moments - latest, 0.0)
        return Read(vector, mass * np.exp2(-since / half_life), since / 3600.0, ends)

    def _sums(
        self, row: int, half_life: float, latest: Floats, ends: Places
    ) -> tuple[Floats, Floats]:
        """Σ w x 2^(−age/h) and Σ |w| 2^(−age/h) of the first `ends` actions, as of `latest`."""
        span = slice(self.end, int(ends.max(initial=self.end)))
        age = latest[:, None] - self.trail.times[span]
        inside = np.arange(span.start, span.stop) < ends[:, None]
        fade = np.where(inside, np.exp2(-np.maximum(age, 0.0) / half_life), 0.0)
        weighed = fade * self.trail.weights[span]
        sums = (weighed.astype(np.float32) @ self.trail.vectors[span]).astype(np.float64)
        mass = np.abs(weighed).sum(axis=1)
        if self.end:
            anchor = self.trail.times[self.end - 1]
            kept = np.exp2(-np.maximum(latest - anchor, 0.0) / half_life)
            sums += kept[:, None] * self.sums[row]
            mass += kept * self.mass[row]
        return sums, mass


@dataclass(frozen=True, slots=True)
class Earlier:
    """A person just before a moment, read from their trail when asked."""

    trail: Trail
    moment: datetime

    @property
    def reading(self) -> Reading | None:
        """As scoring sees them; none before the first action."""
        return self.trail.reading(self.moment)

    @property
    def actions(self) -> Sequence[UserAction]:
        """What they had done."""
        end = int(np.searchsorted(self.trail.times, self.moment.timestamp(), side="left"))
        return tuple(self.trail.actions[:end])


def _by_time(action: UserAction) -> tuple[float, str]:
    """In the order in which a Profile keeps them."""
    key = action.action_id or f"{action.action_type}\x1f{action.content}\x1f{action.weight}"
    return _seconds(action), key


def _seconds(action: UserAction) -> float:
    if action.timestamp is None:
        raise BadInput("actions of a log must have a timestamp, or nobody knows what leaks")
    return action.timestamp.timestamp()
