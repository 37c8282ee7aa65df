"""Does the simulator resemble the log? Distances between the two, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput
from vibrator.stats.intervals import Interval
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 400
FEWEST = 30  # observations on each side
POSITIVE = "done"


@dataclass(frozen=True, slots=True, eq=False)
class Behaviour:
    """What people did: an action, a dwell, and the score of the slider that was served, if any."""

    actions: tuple[str, ...]
    dwell_ms: Floats
    scores: Floats | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dwell_ms", np.asarray(self.dwell_ms, dtype=np.float64))
        if self.scores is not None:
            object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        lengths = {len(c) for c in (self.actions, self.dwell_ms, self.scores) if c is not None}
        if len(lengths) != 1 or lengths.pop() < FEWEST:
            raise BadInput(f"behaviour needs columns of one length, at least {FEWEST} rows")
        if not (self.dwell_ms >= 0).all():
            raise BadInput("dwell_ms must not be negative")

    def __len__(self) -> int:
        return len(self.actions)

    def take(self, rows: NDArray[np.intp]) -> Behaviour:
        """These rows alone."""
        actions = np.array(self.actions, dtype=object)[rows]
        scores = None if self.scores is None else self.scores[rows]
        return Behaviour(tuple(actions), self.dwell_ms[rows], scores)


def behaviour_of(log: Iterable[tuple[Decision, Outcome]]) -> Behaviour:
    """A real log; the slider response is known where every decision kept its `fit`."""
    pairs = list(log)
    fits = [decision.features.get("fit") for decision, _ in pairs]
    return Behaviour(
        tuple(outcome.what for _, outcome in pairs),
        np.array([outcome.dwell_ms or 0.0 for _, outcome in pairs]),
        None if None in fits else np.array(fits, dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class Likeness(Row):
    """A distance between simulated and real, what chance alone would give, and whether it is more.

    `low` and `high` bound the distance; `noise` is its 95th percentile between two samples of the
    real log, so that a distance within it says nothing against the simulator.
    """

    measure: str
    distance: float
    low: float
    high: float
    noise: float

    @property
    def alike(self) -> bool:
        """Whether the distance is no larger than chance would make it."""
        return self.distance <= self.noise


def action_distance(simulated: Behaviour, real: Behaviour) -> float:
    """Total variation between the shares of the actions: 0 the same, 1 nothing in common."""
    names = sorted({*simulated.actions, *real.actions})
    return float(abs(_shares(simulated, names) - _shares(real, names)).sum() / 2)


def dwell_distance(simulated: Behaviour, real: Behaviour) -> float:
    """The largest gap between the distributions of dwell (Kolmogorov-Smirnov)."""
    points = np.sort(np.concatenate([simulated.dwell_ms, real.dwell_ms]))
    below = [
        np.searchsorted(np.sort(side.dwell_ms), points, side="right") / len(side)
        for side in (simulated, real)
    ]
    return float(abs(below[0] - below[1]).max())


def response_distance(simulated: Behaviour, real: Behaviour) -> float:
    """The gap in how much likelier a positive action gets per standard deviation of the score."""
    return abs(_response(simulated) - _response(real))


MEASURES: dict[str, Callable[[Behaviour, Behaviour], float]] = {
    "action mix": action_distance,
    "dwell": dwell_distance,
    "slider response": response_distance,
}


def fidelity(
    simulated: Behaviour, real: Behaviour, rng: np.random.Generator, *, level: float = 0.95
) -> list[Likeness]:
    """A row a measure; the slider response only where both sides know scores."""
    known = simulated.scores is not None and real.scores is not None
    names = [name for name in MEASURES if known or name != "slider response"]
    return [_likeness(name, simulated, real, rng, level) for name in names]


def _likeness(
    name: str, simulated: Behaviour, real: Behaviour, rng: np.random.Generator, level: float
) -> Likeness:
    measure = MEASURES[name]
    moved = [measure(_again(simulated, rng), _again(real, rng)) for _ in range(RESAMPLES)]
    chance = [
        measure(_again(real, rng, len(simulated)), _again(real, rng)) for _ in range(RESAMPLES)
    ]
    ends = np.quantile(moved, [(1 - level) / 2, (1 + level) / 2])
    distance = measure(simulated, real)
    bounds = Interval(min(float(ends[0]), distance), max(float(ends[1]), distance))
    return Likeness(name, distance, bounds.low, bounds.high, float(np.quantile(chance, level)))


def verdict(rows: Sequence[Likeness]) -> str:
    """One sentence for people.

    >>> verdict([Likeness("dwell", 0.4, 0.3, 0.5, 0.1)])
    'do not trust it yet: dwell differs by more than chance (0.400, chance gives 0.100)'
    """
    unlike = [row for row in rows if not row.alike]
    if not unlike:
        return "nothing tells the simulator from the log"
    parts = ", ".join(
        f"{r.measure} differs by more than chance ({r.distance:.3f}, chance gives {r.noise:.3f})"
        for r in unlike
    )
    return f"do not trust it yet: {parts}"


def _shares(side: Behaviour, names: Sequence[str]) -> Floats:
    actions = np.array(side.actions)
    return np.array([(actions == name).mean() for name in names])


def _response(side: Behaviour) -> float:
    if side.scores is None or side.scores.std() == 0:
        return 0.0
    positive = (np.array(side.actions) == POSITIVE).astype(np.float64)
    standard = (side.scores - side.scores.mean()) / side.scores.std()
    return float((standard * (positive - positive.mean())).mean())


def _again(side: Behaviour, rng: np.random.Generator, count: int | None = None) -> Behaviour:
    return side.take(rng.integers(len(side), size=count or len(side)))
