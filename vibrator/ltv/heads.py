"""The heads: an anchor at the longest horizon, and a chain of shares that leads down from it.

y_a = y_b · s_ab with every share in (0, 1): the order of horizons holds by construction, for
buyers, for the mean and for log1p alike, and calibrating anchor or shares cannot break it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vibrator.errors import BadInput
from vibrator.ltv.boosting import BinnedTable, Task, Trees, TreeSettings
from vibrator.ltv.calibration import (
    LogitTilt,
    PoissonLevel,
    fit_logit_shift,
    fit_logit_tilt,
    fit_poisson_level,
)
from vibrator.ltv.forest import Forest
from vibrator.ltv.stack import Stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]
    Rows = NDArray[np.intp]

HEAVY_TAIL = 0.99  # share weights stop growing at this quantile, so that one whale is not the fit
TWEEDIE_POWER = 1.5
SMALLEST_MEAN = 1e-9  # a mean of exactly zero has no logarithm to calibrate
FEW_ROWS = 64  # up to here the number of calls is what costs
MANY_ROWS = 4_096  # from here on the forest is faster than LightGBM's walk down each tree
Ask = Callable[[Trees], "Floats"]  # the answer of one of the chain's boosters for the rows at hand


def ask_each(X: Matrix, *, threads: int = 1) -> Ask:
    """LightGBM asked for one booster after the other."""
    return lambda trees: trees.link(trees.predict(X, raw=True, threads=threads))


@dataclass(frozen=True, slots=True)
class Labels:
    """Revenue by horizon, a column each, never falling from one horizon to the next."""

    horizons: tuple[int, ...]
    revenue: Floats

    def __post_init__(self) -> None:
        if list(self.horizons) != sorted(set(self.horizons)) or not self.horizons:
            raise BadInput(f"horizons must rise, got {self.horizons}")
        if self.revenue.shape[1:] != (len(self.horizons),):
            raise BadInput(f"{len(self.horizons)} label columns needed: {self.revenue.shape}")
        if not np.isfinite(self.revenue).all() or (self.revenue < 0).any():
            raise BadInput("revenue must be finite and not negative")
        falls = np.flatnonzero((np.diff(self.revenue, axis=1) < 0).any(axis=1))
        if falls.size:
            raise BadInput(
                f"revenue must not fall from one horizon to the next, got {falls.size} rows in "
                f"which it does, the first of them {self.revenue[falls[0]].tolist()}"
            )

    @property
    def longest(self) -> Floats:
        """Revenue at the longest horizon."""
        return self.revenue[:, -1]

    @property
    def buyers(self) -> Floats:
        """1 where there is revenue by the horizon."""
        return (self.revenue > 0).astype(float)

    def take(self, rows: Rows) -> Labels:
        """The labels of some rows."""
        return Labels(self.horizons, self.revenue[rows])


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """Trees for everybody's rows, for the amounts of the few who buy, and for their timing."""

    large: TreeSettings = field(default_factory=TreeSettings)
    amount: TreeSettings = field(
        default_factory=lambda: TreeSettings(
            rounds=60, learning_rate=0.05, leaves=7, least_rows_in_leaf=30
        )
    )
    share: TreeSettings = field(
        default_factory=lambda: TreeSettings(
            rounds=40, learning_rate=0.06, leaves=5, least_rows_in_leaf=60
        )
    )


@dataclass(frozen=True, slots=True)
class Predictions:
    """Per row and horizon: chance to buy, expected revenue, typical revenue (log1p head)."""

    horizons: tuple[int, ...]
    buyer: Floats
    value: Floats
    log_value: Floats

    def at(self, horizon: int, head: str = "value") -> Floats:
        """One head's column for one horizon."""
        if horizon not in self.horizons:
            raise BadInput(f"horizon {horizon} is not predicted; there are {self.horizons}")
        column: Floats = getattr(self, head)[:, self.horizons.index(horizon)]
        return column


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the heads learn from: binned rows, labels, the rows to use, rows that say when to stop.

    `weight` has an entry for every row of the table, used or not.
    """

    table: BinnedTable
    labels: Labels
    rows: Rows
    stop: Rows | None = None
    weight: Floats | None = None

    def fit(self, task: Task, settings: TreeSettings) -> Trees:
        """A booster for the task, weighted by the lesson's weights."""
        if self.weight is not None:
            own = np.ones(self.table.size) if task.weight is None else task.weight
            task = replace(task, weight=own * self.weight)
        return self.table.fit(task, settings, stop=self.stop if task.rows is self.rows else None)


@dataclass(frozen=True, slots=True)
class ShareChain:
    """One share model per adjacent pair of horizons, shortest first, each with its tilt."""

    shares: tuple[Trees, ...]
    tilts: tuple[LogitTilt, ...]

    def spread(self, longest: Floats, ask: Ask) -> Floats:
        """Columns for every horizon from the column of the longest."""
        columns = [longest]
        for trees, tilt in zip(reversed(self.shares), reversed(self.tilts), strict=True):
            columns.append(columns[-1] * tilt.apply(ask(trees)))
        return np.column_stack(columns[::-1])


def fit_shares(
    lesson: Lesson, values: Floats, settings: TreeSettings, *, heavy: bool
) -> ShareChain:
    """Share models on the rows that have something at the later horizon of each pair.

    With `heavy` a row weighs as much as its value there, up to the 99th percentile.
    """
    shares = []
    for a, b in _pairs(values):
        rows = lesson.rows[b[lesson.rows] > 0]
        ratio = np.divide(a, b, out=np.zeros_like(a), where=b > 0)
        weight = np.minimum(b, np.quantile(b[rows], HEAVY_TAIL)) if heavy else None
        shares.append(lesson.fit(Task("cross_entropy", ratio, weight, rows), settings))
    return ShareChain(tuple(shares), tuple(LogitTilt() for _ in shares))


def shift_shares(
    chain: ShareChain, X: Matrix, values: Floats, *, heavy: bool, threads: int = 1
) -> ShareChain:
    """The same chain with each share's level put right on calibration rows."""
    tilts = []
    for trees, (a, b) in zip(chain.shares, _pairs(values), strict=True):
        rows = np.flatnonzero(b > 0)
        weight = np.minimum(b[rows], np.quantile(b[rows], HEAVY_TAIL)) if heavy else None
        share = trees.predict(X[rows], threads=threads)
        tilts.append(fit_logit_shift(a[rows] / b[rows], share, weight))
    return ShareChain(chain.shares, tuple(tilts))


def _pairs(values: Floats) -> list[tuple[Floats, Floats]]:
    return [(values[:, i], values[:, i + 1]) for i in range(values.shape[1] - 1)]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Expected revenue at the longest horizon: the mean of three models that err differently.

    A lognormal hurdle with smearing, a gamma hurdle, and Tweedie.
    """

    buyer: Trees
    lognormal: Trees
    gamma: Trees
    tweedie: Trees
    smearing: float
    level: PoissonLevel = field(default_factory=PoissonLevel)

    def parts(self, ask: Ask) -> dict[str, Floats]:
        """Each model's own answer, and the chance to buy that two of them share."""
        chance = ask(self.buyer)
        return {
            "chance": chance,
            "lognormal": chance * self.smearing * np.exp(ask(self.lognormal)),
            "gamma": chance * ask(self.gamma),
            "tweedie": ask(self.tweedie),
        }

    def raw(self, parts: Mapping[str, Floats]) -> Floats:
        """The uncalibrated mean of the three."""
        mean = (parts["lognormal"] + parts["gamma"] + parts["tweedie"]) / 3.0
        return np.asarray(np.maximum(mean, SMALLEST_MEAN))


def fit_anchor(lesson: Lesson, settings: ChainSettings) -> Anchor:
    """Four boosters on the longest horizon: everybody's rows for two, buyers' rows for two."""
    y = lesson.labels.longest
    paying = lesson.rows[y[lesson.rows] > 0]
    if paying.size == 0:
        raise BadInput("no training row has revenue, so there is nothing to learn a value from")
    log_y = np.log(np.where(y > 0, y, 1.0))
    power = {"tweedie_variance_power": TWEEDIE_POWER}
    lognormal = lesson.fit(Task("regression", log_y, None, paying), settings.amount)
    residual = log_y[paying] - lognormal.predict(lesson.table.X[paying])
    return Anchor(
        buyer=lesson.fit(
            Task("binary", lesson.labels.buyers[:, -1], None, lesson.rows), settings.large
        ),
        lognormal=lognormal,
        gamma=lesson.fit(Task("gamma", y, None, paying), settings.amount),
        tweedie=lesson.fit(Task("tweedie", y, None, lesson.rows, power), settings.large),
        smearing=float(np.exp(residual).mean()),
    )


@dataclass(frozen=True)
class ValueChain:
    """The whole default model: anchor, its shares, buyer shares, log1p anchor and its shares."""

    horizons: tuple[int, ...]
    anchor: Anchor
    value_shares: ShareChain
    buyer_tilt: LogitTilt
    buyer_shares: ShareChain
    log_anchor: Trees
    log_shares: ShareChain
    stack: Stack | None = None

    @property
    def trees(self) -> tuple[Trees, ...]:
        """Every booster of the chain, the stack's apart."""
        anchor = self.anchor
        heads = (anchor.buyer, anchor.lognormal, anchor.gamma, anchor.tweedie, self.log_anchor)
        shares = (self.value_shares, self.buyer_shares, self.log_shares)
        return (*heads, *(trees for chain in shares for trees in chain.shares))

    @cached_property
    def forest(self) -> Forest:
        """All of them for many rows at once."""
        return Forest(tuple(trees.text for trees in self.trees))

    def ask(self, X: Matrix, *, threads: int = 1) -> Ask:
        """How the boosters are asked: together for few rows and for many, one by one between."""
        if len(X) <= FEW_ROWS:
            scores = self.forest.predict_few(X)
        elif len(X) >= MANY_ROWS and self.forest.fits:
            scores = self.forest.predict(X)
        else:
            return ask_each(X, threads=threads)
        raw = dict(zip(self.trees, scores.T, strict=True))
        return lambda trees: trees.link(raw[trees])

    def raw_anchor(self, parts: Mapping[str, Floats], X: Matrix, *, threads: int = 1) -> Floats:
        """The uncalibrated mean at the longest horizon, by the stack where there is one."""
        raw = self.anchor.raw(parts)
        return raw if self.stack is None else self.stack.predict(X, raw, threads=threads)

    def predict(self, X: Matrix, *, threads: int = 1) -> Predictions:
        """Every head for every horizon."""
        ask = self.ask(X, threads=threads)
        parts = self.anchor.parts(ask)
        longest = self.anchor.level.apply(self.raw_anchor(parts, X, threads=threads))
        chance = self.buyer_tilt.apply(parts["chance"])
        log_longest = np.maximum(ask(self.log_anchor), 0.0)
        return Predictions(
            self.horizons,
            buyer=self.buyer_shares.spread(chance, ask),
            value=self.value_shares.spread(longest, ask),
            log_value=np.expm1(self.log_shares.spread(log_longest, ask)),
        )


def fit_chain(lesson: Lesson, settings: ChainSettings) -> ValueChain:
    """Fit every head; the levels are raw until calibrate_chain has seen later rows."""
    labels, share = lesson.labels, settings.share
    log_task = Task("regression", np.log1p(labels.longest), None, lesson.rows)
    return ValueChain(
        labels.horizons,
        anchor=fit_anchor(lesson, settings),
        value_shares=fit_shares(lesson, labels.revenue, share, heavy=True),
        buyer_tilt=LogitTilt(),
        buyer_shares=fit_shares(lesson, labels.buyers, share, heavy=False),
        log_anchor=lesson.fit(log_task, settings.large),
        log_shares=fit_shares(lesson, np.log1p(labels.revenue), share, heavy=False),
    )


def calibrate_chain(
    chain: ValueChain, X: Matrix, labels: Labels, *, threads: int = 1
) -> ValueChain:
    """Put the levels right on later rows; ranks within a head and the order of horizons stay.

    The log1p head is left alone: its target is the typical revenue, not the mean.
    """
    parts = chain.anchor.parts(ask_each(X, threads=threads))
    raw = chain.raw_anchor(parts, X, threads=threads)
    level = fit_poisson_level(labels.longest, raw)
    return replace(
        chain,
        anchor=replace(chain.anchor, level=level),
        value_shares=shift_shares(
            chain.value_shares, X, labels.revenue, heavy=True, threads=threads
        ),
        buyer_tilt=fit_logit_tilt(labels.buyers[:, -1], parts["chance"]),
        buyer_shares=shift_shares(
            chain.buyer_shares, X, labels.buyers, heavy=False, threads=threads
        ),
    )
