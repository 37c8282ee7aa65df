"""A frame made ready: features fitted on training rows, a matrix and labels for every side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.errors import BadInput
from vibrator.ltv.config import LtvConfig, read_yaml
from vibrator.ltv.features import FeaturePlan, Features, fit_features
from vibrator.ltv.frames import Split, row_times, temporal_split, user_column, user_fraction
from vibrator.ltv.heads import Labels
from vibrator.ltv.plain import from_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Side:
    """Rows of one side: features, labels, and the facts that reports slice by."""

    X: Matrix
    labels: Labels
    facts: pd.DataFrame

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything a fit needs; `learn` holds the training rows and, last, the rows to stop on."""

    features: Features
    learn: Side
    stops: int
    calibrate: Side
    decide: Side
    test: Side
    window: tuple[str, ...]


def load_plan(config: LtvConfig) -> FeaturePlan:
    """The feature plan that the configuration points to, or the default one."""
    if config.features is None:
        return FeaturePlan()
    return from_plain(FeaturePlan, read_yaml(config.features), at="features")


def read_labels(frame: pd.DataFrame, config: LtvConfig) -> Labels:
    """The label columns, checked against each other."""
    if frame.empty:
        raise BadInput("there are no rows")
    names = config.label_columns()
    if missing := [name for name in names if name not in frame]:
        raise BadInput(f"label columns are missing: {missing}")
    revenue = np.column_stack([_label(frame, name) for name in config.revenue_columns()])
    for at, horizon in enumerate(config.horizons):
        buyer = _label(frame, config.columns.buyer.format(h=horizon))
        if clash := int(((buyer > 0) != (revenue[:, at] > 0)).sum()):
            raise BadInput(f"at horizon {horizon} {clash} rows disagree on buyer and revenue")
    return Labels(config.horizons, revenue)


def _label(frame: pd.DataFrame, name: str) -> Floats:
    """A label column as numbers, all of them known and none below zero."""
    try:
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        raise BadInput(
            f"label column {name!r} must hold numbers, got {frame[name].dtype}"
        ) from None
    odd = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if odd.size:
        raise BadInput(
            f"label column {name!r} must be finite and not negative, got {odd.size} rows that are "
            f"not, the first at index {frame.index[odd[0]]}: {values[odd[0]]}"
        )
    return np.asarray(values)


def read_facts(frame: pd.DataFrame, config: LtvConfig, plan: FeaturePlan) -> pd.DataFrame:
    """The week of each row and the places it belongs to."""
    when = row_times(frame, config.columns.time)
    facts: dict[str, Any] = {"cohort": when.dt.tz_localize(None).dt.to_period("W").astype(str)}
    facts |= {place: frame[place].astype(str) for place in plan.places if place in frame}
    return pd.DataFrame(facts).reset_index(drop=True)


def prepare(frame: pd.DataFrame, config: LtvConfig, *, plan: FeaturePlan | None = None) -> Prepared:
    """Split by time and user, learn the features on training rows, transform the rest."""
    plan = plan or load_plan(config)
    columns = config.columns
    frame = sampled(frame, config)
    split = temporal_split(frame, config.windows, user=columns.user, time=columns.time)
    _require_rows(split)
    train = frame.iloc[split.train]
    features, matrix = fit_features(
        train, plan, time=columns.time, user=columns.user, labels=label_names(frame, config)
    )

    def side(rows: NDArray[np.intp]) -> Side:
        return side_of(frame.iloc[rows], features, config)

    learn = Side(matrix, read_labels(train, config), read_facts(train, config, plan))
    return Prepared(
        features,
        learn if split.stop.size == 0 else stack_sides([learn, side(split.stop)]),
        split.stop.size,
        side(split.calibrate),
        side(split.decide),
        side(split.test),
        _window(frame, split, config),
    )


def sampled(frame: pd.DataFrame, config: LtvConfig) -> pd.DataFrame:
    """The rows of `partitions.sample_frac` of the users, the same ones as from a folder."""
    share = config.partitions.sample_frac
    if share == 1.0:
        return frame
    users = user_fraction(user_column(frame, config.columns.user))
    return frame[in_sample(users, share)]


def in_sample(fraction: Floats, share: float) -> NDArray[np.bool_]:
    """Which users are drawn; lower digits of the fraction, so that roles stay mixed."""
    return fraction * 4096 % 1 < share


def side_of(frame: pd.DataFrame, features: Features, config: LtvConfig) -> Side:
    """Labelled rows as a side, by features that were fitted before."""
    facts = read_facts(frame, config, features.plan)
    return Side(features.transform(frame), read_labels(frame, config), facts)


def label_names(frame: pd.DataFrame, config: LtvConfig) -> list[str]:
    """The columns that are labels at any horizon, also at one that this run does not predict."""
    texts = (config.columns.buyer, config.columns.revenue)
    label = re.compile("|".join(re.escape(text).replace(r"\{h\}", r"\d+") for text in texts))
    return [name for name in frame if label.fullmatch(str(name))]


def _require_rows(split: Split) -> None:
    for name in ("train", "calibrate", "decide", "test"):
        if getattr(split, name).size == 0:
            raise BadInput(f"the {name} side is empty; borders are {list(split.borders)}")


def _window(frame: pd.DataFrame, split: Split, config: LtvConfig) -> tuple[str, ...]:
    when = row_times(frame, config.columns.time)
    return (str(when.min()), *split.borders, str(when.max()))


def stack_sides(sides: list[Side]) -> Side:
    """Sides one below the other."""
    labels = Labels(
        sides[0].labels.horizons, np.concatenate([side.labels.revenue for side in sides])
    )
    facts = pd.concat([side.facts for side in sides], ignore_index=True)
    return Side(np.concatenate([side.X for side in sides]), labels, facts)
