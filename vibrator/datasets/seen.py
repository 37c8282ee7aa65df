"""Which ids a source has had already, in eight bytes an id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vibrator.datasets.fields import Rows
from vibrator.datasets.report import Faults

if TYPE_CHECKING:
    from numpy.typing import NDArray

RULE = "must be unique"


class Seen:
    """Remembers ids by a 64-bit hash, so that of ten million one in five million files has a clash.

    Sorted runs are merged when the newest is no smaller than the one before it, as in a binary
    counter: every id is moved a logarithmic number of times.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def unique(self, rows: Rows, column: str, faults: Faults) -> Rows:
        """The rows whose id is new; the others are noted. Rows without an id are never twins."""
        if column not in rows.columns:
            return rows
        given = rows.columns[column]
        places = [place for place, name in enumerate(given) if name is not None]
        fresh = self._fresh([given[place] for place in places])
        twins = {place for place, new in zip(places, fresh, strict=True) if not new}
        for place in sorted(twins):
            faults.note(rows.lines[place], column, RULE, given[place])
        if not twins:
            return rows
        keep = [place for place in range(len(given)) if place not in twins]
        return Rows(
            [rows.lines[place] for place in keep],
            {name: [values[place] for place in keep] for name, values in rows.columns.items()},
        )

    def _fresh(self, names: list[str]) -> NDArray[np.bool_]:
        hashes = pd.util.hash_array(np.array(names, dtype=object), categorize=False)
        fresh: NDArray[np.bool_] = ~pd.Series(hashes).duplicated().to_numpy(copy=True)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            fresh &= run[at] != hashes
        self._keep(np.sort(hashes[fresh]))
        return fresh

    def _keep(self, run: NDArray[np.uint64]) -> None:
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        if len(run):
            self._runs.append(run)
