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

    def fit(self, table: Table, outcomes: Floats) -> Self:
        """Scale the features by these rows, then move the prior by them."""
        centre, scale = scaling(table.features)
        unscaled = type(self)(self.sliders, self.segments, centre, scale)
        belief = unscaled.prior().learn(unscaled.design(table), outcomes)
        return unscaled.believing(belief)

    def believing(self, belief: Posterior) -> Self:
        """The same model with another belief."""
        return type(self)(
            self.sliders, self.segments, self.centre, self.scale, belief, belief.covariance()
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
        named = np.flatnonzero(table.slider >= 0)
        start = shared + table.slider[named] * width
        out[named, start] = 1.0
        for place, name in enumerate(POOLED, start=1):
            out[named, start + place] = out[named, 1 + AT[name]]
        seen = np.flatnonzero(table.segment >= 0)
        out[seen, shared + self.sliders * width + table.segment[seen]] = 1.0
        return out

    def raw(self, table: Table) -> Floats:
        """Log odds."""
        return np.asarray(self.design(table) @ self._belief().mean)

    def parts(self, table: Table) -> Floats:
        """Exact: each coefficient times what it multiplies, in the features' own units."""
        design, mean = self.design(table), self._belief().mean
        shared, width = 1 + len(NAMES), 1 + len(POOLED)
        pieces = design * mean
        out = np.zeros((len(design), len(PARTS)))
        out[:, : len(NAMES)] = pieces[:, 1:shared]
        end = shared + self.sliders * width
        own = pieces[:, shared:end].reshape(len(design), self.sliders, width).sum(axis=1)
        out[:, len(NAMES)] = own[:, 0]
        for place, name in enumerate(POOLED, start=1):
            out[:, AT[name]] += own[:, place]
        out[:, -2] = pieces[:, end:].sum(axis=1)
        out[:, -1] = pieces[:, 0]
        slopes = self.slopes(table.slider)
        shift = slopes * self._scaling()[0]  # a feature of 0 shall contribute 0
        out[:, : len(NAMES)] += shift
        out[:, -1] -= shift.sum(axis=1)
        return out

    def slopes(self, slider: NDArray[np.intp]) -> Floats:
        """Rows x NAMES: log odds a unit of each feature, for rows of these sliders."""
        mean, shared, width = self._belief().mean, 1 + len(NAMES), 1 + len(POOLED)
        out = np.tile(mean[1:shared], (len(slider), 1))
        named = np.flatnonzero(slider >= 0)
        for place, name in enumerate(POOLED, start=1):
            out[named, AT[name]] += mean[shared + slider[named] * width + place]
        return np.asarray(out / self._scaling()[1])

    def spread(self, table: Table) -> Floats:
        """Of the belief about the coefficients."""
        design = self.design(table)
        return np.asarray(np.sqrt(((design @ np.asarray(self.covariance)) * design).sum(axis=1)))

    def _scaling(self) -> tuple[Floats, Floats]:
        if self.centre is None or self.scale is None:
            raise TypeError("the model is not fitted")
        return self.centre, self.scale

    def _belief(self) -> Posterior:
        if self.belief is None:
            raise TypeError("the model is not fitted")
        return self.belief


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
        """Unknown to trees; the interval is left to Venn-Abers."""
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
    spread = ((features - centre) ** 2).sum(axis=0) if count else np.zeros(features.shape[1])
    return centre, np.sqrt((spread + FEW) / (count + FEW))


def named_parts(row: Sequence[float]) -> dict[str, float]:
    """Contributions by name, those that are nothing left out."""
    return {name: float(part) for name, part in zip(PARTS, row, strict=True) if part}


def _wide(table: Table) -> Floats:
    return np.column_stack([table.features, table.slider, table.segment])


def _trusted(table: Table) -> Floats:
    return np.ascontiguousarray(table.features[:, AT["zero_shot"]])
