"""The one narrow value between data and tests: counts, means and covariances that merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.errors import BadInput, UnknownName
from vibrator.stats.rows import Row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample(Row):
    """What a test of means has to know about one arm: mean, variance of one unit, count.

    >>> print(Sample.of([1.0, 2.0, 3.0]))
    mean 2  var 1  count 3
    """

    mean: float
    var: float
    count: int

    def __post_init__(self) -> None:
        if self.count < 2:
            raise BadInput(f"a sample needs at least 2 units, got {self.count}")
        if not (np.isfinite(self.mean) and np.isfinite(self.var) and self.var >= 0):
            raise BadInput(f"a sample needs a finite mean and variance, got {self}")

    @classmethod
    def of(cls, values: ArrayLike) -> Sample:
        """The summary of raw values; missing ones have to be left out by the caller."""
        array = numbers("values", values)
        if len(array) < 2:
            raise BadInput(f"a sample needs at least 2 units, got {len(array)}")
        return cls(float(array.mean()), float(array.var(ddof=1)), len(array))

    @property
    def se2(self) -> float:
        """The squared standard error of the mean."""
        return self.var / self.count


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Count, means and sums of centred products of named columns; two of them add up to one.

    >>> whole = Aggregates.of({"y": [1.0, 2.0, 6.0], "x": [0.0, 1.0, 2.0]})
    >>> first = Aggregates.of({"y": [1.0], "x": [0.0]})
    >>> rest = Aggregates.of({"y": [2.0, 6.0], "x": [1.0, 2.0]})
    >>> whole.mean("y"), whole.cov("y", "x"), (first + rest).cov("y", "x")
    (3.0, 2.5, 2.5)
    """

    names: tuple[str, ...]
    count: int
    means: tuple[float, ...]
    products: tuple[tuple[float, ...], ...]  # Σ (xᵢ − x̄)(yᵢ − ȳ), one row a column

    @classmethod
    def of(cls, columns: Mapping[str, ArrayLike]) -> Aggregates:
        """From a mapping of columns or a pandas DataFrame, one row a unit, nothing missing."""
        names = tuple(str(name) for name in columns)
        if not names:
            raise BadInput("aggregates need at least one column, got none")
        rows = [numbers(name, columns[name]) for name in columns]
        if len({len(row) for row in rows}) > 1:
            raise BadInput(f"columns differ in length: {[len(row) for row in rows]}")
        if len(rows[0]) == 0:
            raise BadInput("aggregates need at least one row, got none")
        data = np.stack(rows)
        means = data.mean(axis=1)
        centred = data - means[:, None]
        return cls(names, data.shape[1], _tuple(means), _matrix(centred @ centred.T))

    def __add__(self, other: Aggregates) -> Aggregates:
        """The aggregates of both parts together, exact up to rounding (Chan et al. 1979)."""
        if self.names != other.names:
            raise BadInput(f"columns differ: {self.names} and {other.names}")
        count = self.count + other.count
        step = np.subtract(other.means, self.means)
        means = np.asarray(self.means) + step * (other.count / count)
        shift = np.outer(step, step) * (self.count * other.count / count)
        products = np.add(self.products, other.products) + shift
        return Aggregates(self.names, count, _tuple(means), _matrix(products))

    def mean(self, name: str) -> float:
        """The mean of a column."""
        return self.means[self._at(name)]

    def cov(self, left: str, right: str) -> float:
        """The unbiased covariance of two columns."""
        if self.count < 2:
            raise BadInput(f"a covariance needs at least 2 rows, got {self.count}")
        return self.products[self._at(left)][self._at(right)] / (self.count - 1)

    def var(self, name: str) -> float:
        """The unbiased variance of a column."""
        return self.cov(name, name)

    def sample(self, name: str) -> Sample:
        """A column as the summary that tests take."""
        return Sample(self.mean(name), self.var(name), self.count)

    def ratio(self, numerator: str, denominator: str) -> Sample:
        """A ratio of means as such a summary, its variance by the delta method."""
        return Sample(
            self.ratio_mean(numerator, denominator),
            max(self.ratio_cov((numerator, denominator), (numerator, denominator)), 0.0),
            self.count,
        )

    def ratio_mean(self, numerator: str, denominator: str | None) -> float:
        """The ratio of two means; no denominator means one."""
        if denominator is None:
            return self.mean(numerator)
        if self.mean(denominator) == 0:
            raise BadInput(f"the denominator {denominator!r} has a mean of zero")
        return self.mean(numerator) / self.mean(denominator)

    def ratio_cov(self, left: tuple[str, str | None], right: tuple[str, str | None]) -> float:
        """The covariance per unit of two linearised ratios (u − r·v)/v̄."""
        left_terms, right_terms = self._linear(*left), self._linear(*right)
        return sum(a * b * self.cov(x, y) for x, a in left_terms for y, b in right_terms)

    def _linear(self, numerator: str, denominator: str | None) -> list[tuple[str, float]]:
        if denominator is None:
            return [(numerator, 1.0)]
        scale = 1.0 / self.mean(denominator)
        ratio = self.ratio_mean(numerator, denominator)
        return [(numerator, scale), (denominator, -ratio * scale)]

    def _at(self, name: str) -> int:
        if name not in self.names:
            raise UnknownName(f"no column {name!r} was aggregated; there are {list(self.names)}")
        return self.names.index(name)


def aggregate(frame: Any, *, by: str, columns: Sequence[str]) -> dict[Any, Aggregates]:
    """The aggregates of every group of a DataFrame, in one pass over its rows.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"arm": ["a", "b", "a", "b"], "y": [1.0, 2.0, 3.0, 6.0]})
    >>> {arm: group.mean("y") for arm, group in aggregate(frame, by="arm", columns=["y"]).items()}
    {'a': 2.0, 'b': 4.0}
    """
    import pandas as pd

    missing = [name for name in (by, *columns) if name not in frame]
    if missing:
        raise UnknownName(f"no column {missing[0]!r}; there are {list(frame.columns)}")
    codes, labels = pd.factorize(frame[by], sort=True)
    arrays = {name: numbers(name, frame[name]) for name in columns}
    return {
        label: Aggregates.of({name: array[codes == code] for name, array in arrays.items()})
        for code, label in enumerate(labels)
    }


def numbers(name: str, values: ArrayLike) -> Floats:
    """A flat array of finite numbers, or the refusal that says which one is not."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"{name} must be numbers, got {values!r}") from None
    if array.ndim != 1:
        raise BadInput(f"{name} must be one flat row of numbers, got the shape {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        place = int(np.argmin(finite))
        raise BadInput(f"{name} must be finite numbers, got {array[place]} in row {place}")
    return array


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _matrix(values: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(_tuple(row) for row in values)
