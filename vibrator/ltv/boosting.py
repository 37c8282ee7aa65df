"""Boosted trees: rows binned once, any number of labels and row subsets fitted on the bins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import BadInput
from vibrator.optional import need
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]
    Rows = NDArray[np.intp]

SERIAL_ROWS = 512  # below this, waking a second thread costs more than it brings

LINKS: dict[str, Callable[[Any], Any]] = {
    "binary": sigmoid,
    "cross_entropy": sigmoid,
    "regression": np.asarray,
    "gamma": np.exp,
    "tweedie": np.exp,
}


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How one booster grows; the names are ours, the meanings LightGBM's."""

    rounds: int = 80
    learning_rate: float = 0.08
    leaves: int = 8
    least_rows_in_leaf: int = 100
    feature_share: float = 0.7
    row_share: float = 0.8
    l2: float = 5.0
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("rounds", "leaves", "least_rows_in_leaf"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "feature_share", "row_share"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise BadInput(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        if self.l2 < 0 or self.patience < 0:
            raise BadInput("l2 and patience must not be negative")

    def to_lightgbm(self) -> dict[str, Any]:
        """LightGBM's names for the same things."""
        return {
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least_rows_in_leaf,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 0 if self.row_share == 1.0 else 1,
            "lambda_l2": self.l2,
            "cat_smooth": 50.0,
            "min_data_per_group": 2 * self.least_rows_in_leaf,
        }


@dataclass(frozen=True)
class Trees:
    """A fitted booster, kept as LightGBM's own text."""

    text: str

    @cached_property
    def booster(self) -> Any:
        """The booster behind the text."""
        return need("lightgbm", extra="ltv").Booster(model_str=self.text)

    def predict(self, X: Matrix, *, raw: bool = False, threads: int = 1) -> Floats:
        """One answer a row, on the scale of the label unless raw."""
        threads = threads if len(X) > SERIAL_ROWS else 1
        return np.asarray(self.booster.predict(X, raw_score=raw, num_threads=threads))

    def link(self, raw: Floats) -> Floats:
        """Raw scores on the scale of the label."""
        objective = self.text.partition("\nobjective=")[2].split(maxsplit=1)[0]
        return np.asarray(LINKS[objective](raw))

    def gains(self) -> Floats:
        """How much each feature brought."""
        return np.asarray(self.booster.feature_importance("gain"))


@dataclass(frozen=True, slots=True)
class Task:
    """What one booster shall learn: an objective, a label a row, perhaps weights and a row choice.

    An objective is LightGBM's name for it or a function (raw scores, dataset) → gradient, hessian.
    """

    objective: str | Callable[..., Any]
    label: Floats
    weight: Floats | None = None
    rows: Rows | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class BinnedTable:
    """A feature matrix whose bins are found once and shared by every booster."""

    def __init__(
        self,
        X: Matrix,
        names: Sequence[str],
        categorical: Sequence[str] = (),
        *,
        threads: int = 1,
        seed: int = 0,
    ) -> None:
        lightgbm = need("lightgbm", extra="ltv")
        self.X = X
        self.size = len(X)
        self._base = {
            "verbosity": -1, "num_threads": threads, "seed": seed, "deterministic": True,
            "force_row_wise": True, "feature_pre_filter": False,
        }  # fmt: skip
        self._data = lightgbm.Dataset(
            X,
            feature_name=list(names),
            categorical_feature=list(categorical),
            params=self._base,
            free_raw_data=False,
        ).construct()

    def fit(self, task: Task, settings: TreeSettings, *, stop: Rows | None = None) -> Trees:
        """A booster for the task; `stop` are rows that only say when to stop."""
        lightgbm = need("lightgbm", extra="ltv")
        rows = np.arange(self.size) if task.rows is None else task.rows
        if rows.size == 0:
            raise BadInput("no rows are left to learn from")
        parameters = self._base | settings.to_lightgbm() | dict(task.options)
        parameters["objective"] = task.objective
        patient = settings.patience > 0 and stop is not None and stop.size > 0
        booster = lightgbm.train(
            parameters,
            self._part(rows, task),
            num_boost_round=settings.rounds,
            valid_sets=[self._part(stop, task)] if patient else None,
            callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)]
            if patient
            else None,
        )
        return Trees(booster.model_to_string(num_iteration=booster.best_iteration or -1))

    def _part(self, rows: Any, task: Task) -> Any:
        at = np.sort(rows)
        whole = at.size == self.size
        part = self._data if whole else self._data.subset(at, params=self._base).construct()
        part.set_label(task.label[at])
        part.set_weight(None if task.weight is None else task.weight[at])
        return part
