"""Which items go together, from people who touched both: sparse, item to item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.pipeline.item_history import SHRINKING, ItemHistory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AGREEING = 20.0  # people in common that a likeness of nothing counts for
FURTHEST = 6.0  # half-lives of time apart after which two events are not together
PAIRS_AT_ONCE = 4_000_000  # that are gathered before they are summed
LONGEST = 500  # newest events of one person that are paired, so that a crawler costs no more


class Agreement:
    """A sparse matrix of items by items that is asked for many entries at once."""

    def __init__(self, matrix: Any) -> None:
        matrix.sort_indices()
        self._stride = matrix.shape[1] + 1  # place 0 of rows and columns is that of unknown items
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        self.keys = np.append(self._keys(rows, matrix.indices), np.iinfo(np.int64).max)
        self.values = np.append(matrix.data, 0.0)

    def of(self, rows: Any, columns: Any) -> Floats:
        """The entries there; 0 where there is none, or an item is unknown."""
        keys = self._keys(rows, columns)
        at = self.keys.searchsorted(keys)
        return np.asarray(self.values[at] * (self.keys[at] == keys))

    def _keys(self, rows: Any, columns: Any) -> Any:
        return (rows + 1) * self._stride + (columns + 1)


def agreement(history: ItemHistory, until: float, residuals: Floats | None = None) -> Agreement:
    """Items by items: how far people who liked one more than others do liked the other more too.

    Σ rᵤᵢ rᵤⱼ / (n + 20) over the n people who touched both before `until`, where r is an event's
    residual less the person's own mean of them.
    """
    from scipy import sparse

    before = np.searchsorted(history.times, until, side="left")
    users, items = history.users[:before], history.places_of_events[:before]
    size = int(history.users.max(initial=-1)) + 1, max(len(history.items), 1)
    residual = (history.residuals() if residuals is None else residuals)[:before]
    mass = np.bincount(users, minlength=size[0])
    leaning = np.bincount(users, residual, minlength=size[0]) / (mass + SHRINKING)
    own = sparse.csr_array((residual - leaning[users], (users, items)), shape=size)
    count = sparse.csr_array((np.ones(before), (users, items)), shape=size)
    pairs, common = (Agreement((each.T @ each).tocsr()) for each in (own, count))
    at = np.searchsorted(common.keys, pairs.keys)  # a sum of nothing but zeros may be left out
    pairs.values = pairs.values / (common.values[at] + AGREEING)
    return pairs


def together(history: ItemHistory, *, half_life: float, chosen: Any = None) -> Any:
    """Items by items: Σ over people of 2^(−|time apart|/half-life), symmetric, nothing with itself.

    `chosen` is a mask over users; others are left out.
    """
    from scipy import sparse

    size = max(len(history.items), 1)
    whole = sparse.csr_array((size, size))
    order = np.argsort(history.users, kind="stable")
    bounds = np.flatnonzero(np.diff(history.users[order])) + 1
    rows, columns, values, waiting = [], [], [], 0
    for events in np.split(order, bounds):
        if chosen is not None and not (events.size and chosen[history.users[events[0]]]):
            continue
        a, b, weight = _pairs(history, events[-LONGEST:], half_life)
        rows.append(a)
        columns.append(b)
        values.append(weight)
        waiting += a.size
        if waiting > PAIRS_AT_ONCE:
            whole = whole + _sum(rows, columns, values, size)
            rows, columns, values, waiting = [], [], [], 0
    return whole + _sum(rows, columns, values, size) if rows else whole


def gathered(history: ItemHistory, chosen: Any, *, by_activity: bool) -> Any:
    """Items by items: people who touched both, of the chosen events; nothing with itself.

    By activity a person of n items counts 1/(n + 1), so that who touches everything says little.
    """
    from scipy import sparse

    users, items = history.users[chosen], history.places_of_events[chosen]
    size = int(history.users.max(initial=-1)) + 1, max(len(history.items), 1)
    touched = sparse.csr_array((np.ones(len(users)), (users, items)), shape=size)
    touched.data[:] = 1.0
    if by_activity:
        touched = sparse.diags_array(1.0 / np.sqrt(touched.sum(axis=1) + 1.0)) @ touched
    pairs = (touched.T @ touched).tocsr()
    pairs.setdiag(0.0)
    return pairs


def _pairs(history: ItemHistory, events: Any, half_life: float) -> tuple[Any, Any, Floats]:
    items, times = history.places_of_events[events], history.times[events]
    apart = np.abs(times[:, None] - times[None, :]) / half_life
    left, right = np.nonzero((apart < FURTHEST) & (items[:, None] != items[None, :]))
    return items[left], items[right], np.exp2(-apart[left, right])


def _sum(rows: Any, columns: Any, values: Any, size: int) -> Any:
    from scipy import sparse

    places = np.concatenate(rows), np.concatenate(columns)
    return sparse.coo_array((np.concatenate(values), places), shape=(size, size)).tocsr()
