"""The two families that turn features into log odds: a pooled logistic model, boosted trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from vibrator.errors import UnknownName
from vibrator.optional import need
from vibrator.pipeline.features import AT, NAMES, RISING
from vibrator.pipeline.posterior import Posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POOLED = ("user_to_slider", "item_to_slider", "user_item_alignment")  # with slopes of their own
POOLED_AT = [0, *(1 + AT[name] for name in POOLED)]  # in a design: what sliders have of their own
PARTS = (*NAMES, "slider", "segment", "base")  # what contributions are named
OWN_PRECISION = 20.0  # of a slider's or segment's own coefficients, around the shared ones
SHARED_PRECISION = 10.0  # of a scaled feature: sd 0.3 around what the zero-shot scorer says
FREE_PRECISION = 5.0  # of the intercept
TRUST_PRECISION = 10.0  # of the weight of the zero-shot log odds, around 1
FEW = 10.0  # rows that a feature's unknown scale counts for
PUBLISHED_TREES = {
    "n_estimators": 150, "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 50,
    "subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.8, "verbose": -1,
}  # fmt: skip


class Table(NamedTuple):
    """Rows to learn from or to answer for: features as NAMES, and whose offsets hold."""

    features: Floats
    slider: NDArray[np.intp]  # place among the sliders, −1 for the content as a whole
    segment: NDArray[np.intp]  # place among the segments, −1 for others

    def pick(self, rows: Any) -> Table:
        """Some of the rows."""
        return Table(*(column[rows] for column in self))


class Model(Protocol):
    """From features to log odds, with their parts."""

    def fit(self, table: Table, outcomes: Floats) -> Self:
        """A new model, fitted."""
        ...

    def raw(self, table: Table) -> Floats:
        """Log odds."""
        ...

    def parts(self, table: Table) -> Floats:
        """Rows x PARTS; they add up to the log odds."""
        ...

    def spread(self, table: Table) -> Floats:
        """Standard deviation of the log odds, as far as the model knows it."""
        ...


class Readout(NamedTuple):
    """A belief in the features' own units, by slider; the last row is that of no slider."""

    slopes: Floats  # sliders + 1 x NAMES
    own: Floats  # sliders + 1: what a slider adds
    base: Floats  # sliders + 1: where every feature is 0
    segments: Floats  # segments + 1: what a segment adds, nothing for others


@dataclass(frozen=True, slots=True, eq=False)
class PooledLogistic:
    """One logistic model for all sliders, in which each may differ as far as its rows insist.

    Its prior is the zero-shot scorer: log odds as that gives them, nothing else counting. Rows
    move it from there, so that one changes little and a thousand decide.
    """

    sliders: int
    segments: int
    centre: Floats | None = None
    scale: Floats | None = None
    belief: Posterior | None = None
    covariance: Floats | None = None
    readout: Readout | None = None

    def fit(self, table: Table, outcomes: Floats) -> Self:
        """Scale the features by these rows, then move the prior by them."""
        centre, scale = scaling(table.features)
        unscaled = type(self)(self.sliders, self.segments, centre, scale)
        belief = unscaled.prior().learn(unscaled.design(table), outcomes)
        return unscaled.believing(belief)

    def believing(self, belief: Posterior) -> Self:
        """The same model with another belief."""
        return type(self)(
            self.sliders,
            self.segments,
            self.centre,
            self.scale,
            belief,
            belief.covariance(),
            self._read(belief.mean),
        )

    def prior(self) -> Posterior:
        """The zero-shot scorer as a belief."""
        centre, scale = self._scaling()
        trust = AT["zero_shot"]
        own = self.sliders * (1 + len(POOLED)) + self.segments
        mean = np.zeros(1 + len(NAMES) + own)
        mean[0], mean[1 + trust] = centre[trust], scale[trust]
        precision = np.full(mean.size, SHARED_PRECISION)
        precision[0] = FREE_PRECISION
        precision[1 + trust] = TRUST_PRECISION
        precision[1 + len(NAMES) :] = OWN_PRECISION
        return Posterior(mean, np.diag(precision))

    def design(self, table: Table) -> Floats:
        """Rows x (1, features, every slider's own, every segment's own)."""
        centre, scale = self._scaling()
        rows, shared = len(table.features), 1 + len(NAMES)
        width = 1 + len(POOLED)
        out = np.zeros((rows, shared + self.sliders * width + self.segments))
        out[:, 0] = 1.0
        out[:, 1:shared] = (table.features - centre) / scale
        if self.sliders:
            named = np.flatnonzero(table.slider >= 0)
            own = shared + table.slider[named, None] * width + np.arange(width)
            out[named[:, None], own] = out[named][:, POOLED_AT]
        if self.segments:
            seen = np.flatnonzero(table.segment >= 0)
            out[seen, shared + self.sliders * width + table.segment[seen]] = 1.0
        return out

    def raw(self, table: Table) -> Floats:
        """Log odds."""
        read = self._readout()
        sums = np.einsum("ij,ij->i", table.features, read.slopes[table.slider])
        apart = (read.own + read.base)[table.slider]
        return np.asarray(sums + apart + read.segments[table.segment])

    def parts(self, table: Table) -> Floats:
        """Exact: each coefficient times what it multiplies, in the features' own units."""
        read = self._readout()
        out = np.empty((len(table.features), len(PARTS)))
        out[:, : len(NAMES)] = table.features * read.slopes[table.slider]
        out[:, -3] = read.own[table.slider]
        out[:, -2] = read.segments[table.segment]
        out[:, -1] = read.base[table.slider]
        return out

    def spread(self, table: Table) -> Floats:
        """Of the belief about the coefficients."""
        design = self.design(table)
        return np.asarray(np.sqrt(((design @ np.asarray(self.covariance)) * design).sum(axis=1)))

    def slopes(self, slider: NDArray[np.intp]) -> Floats:
        """Rows x NAMES: log odds a unit of each feature, for rows of these sliders."""
        return np.asarray(self._readout().slopes[slider])

    def _read(self, mean: Floats) -> Readout:
        """Coefficients of scaled features as slopes of plain ones; a feature of 0 adds nothing."""
        (centre, scale), shared, width = self._scaling(), 1 + len(NAMES), 1 + len(POOLED)
        own = np.zeros((self.sliders + 1, width))
        own[:-1] = mean[shared : shared + self.sliders * width].reshape(-1, width)
        slopes = np.tile(mean[1:shared], (self.sliders + 1, 1))
        slopes[:, [AT[name] for name in POOLED]] += own[:, 1:]
        slopes /= scale
        segments = np.append(mean[shared + self.sliders * width :], 0.0)
        return Readout(slopes, own[:, 0], mean[0] - slopes @ centre, segments)

    def _scaling(self) -> tuple[Floats, Floats]:
        if self.centre is None or self.scale is None:
            raise TypeError("the model is not fitted")
        return self.centre, self.scale

    def _readout(self) -> Readout:
        if self.readout is None:
            raise TypeError("the model is not fitted")
        return self.readout


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """LightGBM on top of the zero-shot log odds; similarities can only speak for a content."""

    sliders: int
    segments: int
    booster: Any = None

    def fit(self, table: Table, outcomes: Floats) -> Self:
        """Grow trees; the seed is fixed, so that the same rows grow the same."""
        light = need("lightgbm", extra="boost")
        rising = [int(name in RISING) for name in NAMES]
        model = light.LGBMClassifier(
            **PUBLISHED_TREES,
            monotone_constraints=[*rising, 0, 0],
            random_state=0,
            n_jobs=1,
            deterministic=True,
        )
        model.fit(_wide(table), outcomes, init_score=_trusted(table))
        return type(self)(self.sliders, self.segments, model.booster_)

    def raw(self, table: Table) -> Floats:
        """Log odds."""
        return np.asarray(self.booster.predict(_wide(table), raw_score=True)) + _trusted(table)

    def parts(self, table: Table) -> Floats:
        """TreeSHAP."""
        out = np.array(self.booster.predict(_wide(table), pred_contrib=True))
        out[:, AT["zero_shot"]] += _trusted(table)
        return out

    def spread(self, table: Table) -> Floats:
        """Unknown to trees: nothing, and the interval is left to others."""
        return np.zeros(len(table.features))


MODELS: dict[str, Any] = {"logistic": PooledLogistic, "boosted": BoostedTrees}


def model_named(name: str, *, sliders: int, segments: int) -> Model:
    """An unfitted model of a family."""
    if name not in MODELS:
        raise UnknownName(f"no model {name!r}; known: {sorted(MODELS)}")
    model: Model = MODELS[name](sliders, segments)
    return model


def scaling(features: Floats) -> tuple[Floats, Floats]:
    """Centre and scale, near 0 and 1 while rows are few."""
    count = len(features)
    centre = features.sum(axis=0) / (count + FEW)
    spread = ((features - centre) ** 2).sum(axis=0)
    return centre, np.sqrt((spread + FEW) / (count + FEW))


def named_parts(row: Sequence[float]) -> dict[str, float]:
    """Contributions by name, those that are nothing left out."""
    return {name: part for name, part in zip(PARTS, row, strict=True) if part}


def _wide(table: Table) -> Floats:
    return np.column_stack([table.features, table.slider, table.segment])


def _trusted(table: Table) -> Floats:
    return np.ascontiguousarray(table.features[:, AT["zero_shot"]])
