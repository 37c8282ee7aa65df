"""From the rows of two arms to one effect: an estimator for every kind of metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import BadInput, UnknownName
from vibrator.experiments.design import Experiment, Metric
from vibrator.stats.adjusted import cuped, lin
from vibrator.stats.aggregates import Aggregates, Sample
from vibrator.stats.intervals import quantile_sample
from vibrator.stats.tests import Effect, paired, proportions, ratio, superiority, welch, z_test

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Groups = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table say the variant, the pair and the cluster of a row."""

    variant: str = "variant"
    pair: str | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """One metric in one arm: its columns where all of them were measured, and how many were not."""

    values: dict[str, Floats]
    groups: Groups | None = None  # the pair or cluster of every row
    missing: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    @property
    def units(self) -> int:
        """What is independent of one another: rows, or the pairs or clusters they come in."""
        return len(self) if self.groups is None else len(np.unique(self.groups))


Arms = tuple[Readings, Readings]  # control, treatment
Estimator = Callable[[Metric, Arms, float], Effect]


def readings(
    frame: Any, rows: Mapping[str, NDArray[np.intp]], metric: Metric, groups: Groups | None
) -> dict[str, Readings]:
    """The metric in every arm; a row with a part of it missing is left out and counted."""
    for name in metric.columns:
        _require_column(frame, name)
    arrays = {name: _numbers(name, frame[name]) for name in metric.columns}
    whole = ~np.any([np.isnan(array) for array in arrays.values()], axis=0)
    if metric.kind == "share":
        _require_shares(metric.name, arrays[metric.name])
    complete = bool(whole.all())
    return {
        label: _arm(arrays, groups, mine if complete else mine[whole[mine]], len(mine))
        for label, mine in rows.items()
    }


def arms(frame: Any, experiment: Experiment, columns: Columns) -> dict[str, NDArray[np.intp]]:
    """Which rows belong to which variant; a row of no variant is refused."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise BadInput(
            f"an analysis reads a pandas DataFrame with one row a unit, got {type(frame).__name__}"
        )
    if not frame.columns.is_unique:
        twice = sorted(map(str, frame.columns[frame.columns.duplicated()]))
        raise BadInput(f"every column needs a name of its own, got {twice} twice")
    _require_column(frame, columns.variant)
    known = pd.Index(list(experiment.labels), dtype=object)
    try:
        codes = known.get_indexer_for(frame[columns.variant])
    except TypeError:
        raise BadInput(f"{columns.variant!r} must hold the labels of variants, one a row") from None
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        stray = frame[columns.variant].iloc[row]
        raise BadInput(f"row {row} is of the variant {stray!r}; known: {list(experiment.labels)}")
    return {label: np.flatnonzero(codes == code) for code, label in enumerate(experiment.labels)}


def grouped(
    frame: Any, rows: Mapping[str, NDArray[np.intp]], experiment: Experiment, columns: Columns
) -> Groups | None:
    """A number for the pair or cluster of every row; None where rows are independent."""
    import pandas as pd

    paired = experiment.mode == "paired"
    name = columns.pair if paired else columns.cluster
    if name is None:
        if paired:
            raise BadInput("a paired experiment needs the column that names the pair")
        return None
    _require_column(frame, name)
    try:
        codes = pd.factorize(frame[name])[0]
    except TypeError:
        raise BadInput(f"{name!r} must hold names or numbers, one a row") from None
    if (codes < 0).any():
        raise BadInput(f"{name!r} must be told for every row, row {int(np.argmax(codes < 0))} is "
                       "missing it")  # fmt: skip
    named = [np.unique(codes[mine], return_counts=True) for mine in rows.values()]
    if paired and any((count > 1).any() for _, count in named):
        raise BadInput(f"a pair has one row a variant, got several of one {name!r}")
    if not paired and sum(len(names) for names, _ in named) > len(np.unique(codes)):
        raise BadInput("a cluster belongs to one variant only, got one in two")
    return np.asarray(codes)


def counted(rows: Mapping[str, NDArray[np.intp]], clusters: Groups | None) -> dict[str, int]:
    """The units of every arm: its rows, or its clusters where whole clusters were assigned."""
    if clusters is None:
        return {label: len(mine) for label, mine in rows.items()}
    return {label: len(np.unique(clusters[mine])) for label, mine in rows.items()}


def estimate(experiment: Experiment, metric: Metric, pair: Arms, *, level: float) -> Effect:
    """The effect between two arms on one metric: by the design first, then by the metric's kind."""
    if metric.kind == "share" and not any(np.ptp(arm.values[metric.name]) > 0 for arm in pair):
        return _unvaried_share(metric, pair, level)
    if experiment.mode == "paired":
        return _paired(metric, pair, level)
    if pair[0].groups is not None:
        return _clustered(metric, pair, level)
    return ESTIMATORS[metric.kind](metric, pair, level)


def _mean(metric: Metric, pair: Arms, level: float) -> Effect:
    name, covariate = metric.name, metric.covariate
    if covariate is None:
        control, treatment = (Sample.of(arm.values[name]) for arm in pair)
        return welch(control, treatment, level=level)
    if metric.adjustment == "lin":
        before, after = ((arm.values[name], arm.values[covariate]) for arm in pair)
        return lin(before, after, level=level)
    a, b = (Aggregates.of(arm.values) for arm in pair)
    return cuped(a, b, metric=name, covariate=covariate, level=level).effect


def _share(metric: Metric, pair: Arms, level: float) -> Effect:
    control, treatment = ((float(arm.values[metric.name].sum()), len(arm)) for arm in pair)
    return proportions(control, treatment, level=level)


def _unvaried_share(metric: Metric, pair: Arms, level: float) -> Effect:
    """No event in an arm, or nothing else, counted in units that are surely independent."""
    control, treatment = (
        (arm.units * float(arm.values[metric.name][0]), arm.units) for arm in pair
    )
    return proportions(control, treatment, level=level)


def _ratio(metric: Metric, pair: Arms, level: float) -> Effect:
    control, treatment = (Aggregates.of(arm.values) for arm in pair)
    below = str(metric.denominator)
    return ratio(control, treatment, numerator=metric.name, denominator=below, level=level)


def _quantile(metric: Metric, pair: Arms, level: float) -> Effect:
    control, treatment = (quantile_sample(arm.values[metric.name], metric.quantile) for arm in pair)
    return z_test(control, treatment, level=level)


def _rank(metric: Metric, pair: Arms, level: float) -> Effect:
    control, treatment = (arm.values[metric.name] for arm in pair)
    return superiority(control, treatment, level=level)


ESTIMATORS: dict[str, Estimator] = {
    "mean": _mean,
    "share": _share,
    "ratio": _ratio,
    "quantile": _quantile,
    "rank": _rank,
}


def _paired(metric: Metric, pair: Arms, level: float) -> Effect:
    """Per-pair differences of the pairs that have both halves; never the arms as independent."""
    if metric.kind not in ("mean", "share") or metric.covariate is not None:
        raise BadInput(f"pairs take plain means and shares, got {metric.kind} {metric.name!r}")
    before, after = (_groups(arm) for arm in pair)
    _, left, right = np.intersect1d(before, after, return_indices=True)
    control, treatment = (arm.values[metric.name] for arm in pair)
    return paired(control[left], treatment[right], level=level)


def _clustered(metric: Metric, pair: Arms, level: float) -> Effect:
    """Sums a cluster, then a ratio of means over clusters: its rows are not independent."""
    if metric.kind not in ("mean", "share", "ratio") or metric.covariate is not None:
        raise BadInput(f"clusters take means, shares and ratios, got {metric.kind} {metric.name!r}")
    control, treatment = (_cluster_sums(metric, arm) for arm in pair)
    return ratio(control, treatment, numerator="top", denominator="bottom", level=level)


def _require_column(frame: Any, name: str) -> None:
    if name not in frame:
        raise UnknownName(f"no column {name!r}; there are {list(frame.columns)}")


def _require_shares(name: str, values: Floats) -> None:
    stray = ~(np.isin(values, (0.0, 1.0)) | np.isnan(values))
    if stray.any():
        row = int(stray.argmax())
        raise BadInput(f"the share {name!r} must be 0 or 1, got {values[row]:g} in row {row}")


def _groups(arm: Readings) -> Groups:
    assert arm.groups is not None  # noqa: S101  # `grouped` saw to it
    return arm.groups


def _cluster_sums(metric: Metric, arm: Readings) -> Aggregates:
    _, places = np.unique(_groups(arm), return_inverse=True)
    bottom = None if metric.denominator is None else arm.values[metric.denominator]
    return Aggregates.of(
        {
            "top": np.bincount(places, arm.values[metric.name]),
            "bottom": np.bincount(places, bottom),
        }
    )


def _arm(
    arrays: Mapping[str, Floats],
    groups: Groups | None,
    chosen: NDArray[np.intp],
    count: int,
) -> Readings:
    return Readings(
        {name: array[chosen] for name, array in arrays.items()},
        None if groups is None else groups[chosen],
        count - len(chosen),
    )


def _numbers(name: str, column: Any) -> Floats:
    try:
        array = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise BadInput(f"the metric {name!r} must hold numbers, got {_no_number(column)}") from None
    if np.isinf(array).any():
        row = int(np.isinf(array).argmax())
        raise BadInput(f"the metric {name!r} must be finite, got {array[row]} in row {row}")
    return array


def _no_number(column: Any) -> str:
    """The first value that is none, and where it stands."""
    import pandas as pd

    stray = (pd.to_numeric(column, errors="coerce").isna() & column.notna()).to_numpy()
    row = int(stray.argmax())
    return f"{column.iloc[row]!r} in row {row}"
