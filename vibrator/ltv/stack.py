"""A stack at prediction time: base models of three kinds under one LightGBM meta-learner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.ltv.boosting import SERIAL_ROWS, Trees
from vibrator.optional import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class XgbTrees:
    """A fitted XGBoost model, kept as its own JSON."""

    text: str

    @cached_property
    def booster(self) -> Any:
        """The booster behind the text."""
        booster = need("xgboost", extra="ltv").Booster()
        booster.load_model(bytearray(self.text, "utf-8"))
        return booster

    def predict(self, X: Matrix, *, threads: int = 1) -> Floats:
        """One answer a row."""
        self.booster.set_param({"nthread": threads if len(X) > SERIAL_ROWS else 1})
        return np.asarray(self.booster.inplace_predict(X), dtype=float)


@dataclass(frozen=True, slots=True)
class Linear:
    """ElasticNet on standardised features, gaps at the mean."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def predict(self, X: Matrix) -> Floats:
        """One answer a row."""
        scaled = (X - np.asarray(self.mean)) / np.asarray(self.scale)
        return np.asarray(np.nan_to_num(scaled) @ np.asarray(self.weights) + self.intercept)


@dataclass(frozen=True, slots=True)
class Stack:
    """Expected revenue at the longest horizon from the base models and the chain's own anchor."""

    linear: Linear
    forest: Trees
    boosted: XgbTrees
    meta: Trees

    def predict(self, X: Matrix, anchor: Floats, *, threads: int = 1) -> Floats:
        """The meta-learner's answer."""
        return self.meta.predict(self.bases(X, anchor, threads=threads), threads=threads)

    def bases(self, X: Matrix, anchor: Floats, *, threads: int = 1) -> Matrix:
        """What the meta-learner reads: a column a base model."""
        columns = [
            self.linear.predict(X),
            self.forest.predict(X, threads=threads),
            self.boosted.predict(X, threads=threads),
            np.log(anchor),
        ]
        return np.column_stack(columns).astype(np.float32)
