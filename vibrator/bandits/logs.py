"""What a policy did and what came of it, as the arrays that off-policy evaluation reads."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.decisions import NOTHING, Decision, Outcome
from vibrator.errors import BadInput, BadRows
from vibrator.rewards import PUBLISHED_REWARDS, RewardMap

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OPEN_BANDIT_COLUMNS = ("item_id", "position", "click", "propensity_score")
WHOLE = ("item_id", "position")
MOST_ITEMS = 1_000_000  # that a log numbers: each is an arm
OPEN_BANDIT_USER = "user_feature_"
_COLUMNS = {
    "arms": np.intp,
    "rewards": np.float64,
    "propensities": np.float64,
    "contexts": np.float64,
    "behaviour": np.float64,
    "positions": np.intp,
}


@dataclass(frozen=True, slots=True, eq=False)
class BanditLog:
    """One row a decision: the arm taken (a place in `names`), its propensity and its reward.

    `behaviour` holds every arm's chance where the log kept it, one row a decision.
    """

    names: tuple[str, ...]
    arms: NDArray[np.intp]
    rewards: Floats
    propensities: Floats
    contexts: Floats | None = None
    behaviour: Floats | None = None
    positions: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        for name, kind in _COLUMNS.items():
            column = getattr(self, name)
            if column is not None:
                object.__setattr__(self, name, _column(name, column, kind))
        if len(self) == 0:
            raise BadInput("a log needs at least one decision")
        for name in _COLUMNS:
            column = getattr(self, name)
            if column is not None and len(column) != len(self):
                raise BadInput(f"{name} must have {len(self)} rows, got {len(column)}")
        self._check_values()
        self._check_behaviour()

    def _check_values(self) -> None:
        if self.arms.min() < 0 or self.arms.max() >= len(self.names):
            raise BadInput(f"arms must be places among {len(self.names)} names")
        if not np.isfinite(self.rewards).all():
            raise BadInput("rewards must be finite")
        known = self.contexts
        if known is not None and (known.ndim != 2 or not np.isfinite(known).all()):
            raise BadInput(f"contexts must be rows of finite numbers, got shape {known.shape}")
        possible = (self.propensities > 0) & (self.propensities <= 1)
        if not possible.all():
            found = self.propensities[~possible][0]
            raise BadInput(f"propensities must lie in (0, 1], got {found!r}")

    def _check_behaviour(self) -> None:
        if self.behaviour is None:
            return
        checked_target(self.behaviour, (len(self), len(self.names)), "behaviour")
        taken = self.behaviour[np.arange(len(self)), self.arms]
        if not np.allclose(taken, self.propensities, atol=1e-9):
            raise BadInput("behaviour and propensities must agree on the arm taken")

    def __len__(self) -> int:
        return len(self.arms)

    def only(self, rows: Any) -> BanditLog:
        """The log of these rows alone."""
        parts = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in _COLUMNS
        }
        return BanditLog(self.names, **parts)  # type: ignore[arg-type]


def _column(name: str, given: Any, kind: Any) -> NDArray[Any]:
    values = np.asarray(given)
    column = values.astype(kind)
    if kind is np.intp and not np.array_equal(column, values):
        raise BadInput(f"{name} must be whole numbers, got {values[column != values][0]!r}")
    return column


def checked_target(target: Any, shape: tuple[int, int], name: str = "target") -> Floats:
    """A policy's probabilities, one row a decision and one column an arm."""
    rows = np.asarray(target, dtype=np.float64)
    if rows.shape != shape:
        raise BadInput(f"{name} must have the shape {shape}, got {rows.shape}")
    if not (rows >= 0).all() or not np.allclose(rows.sum(axis=1), 1.0, atol=1e-6):
        raise BadInput(f"every row of {name} must be probabilities that add up to 1")
    return rows


def log_of_decisions(
    decisions: Iterable[Decision],
    outcomes: Iterable[Outcome],
    *,
    features: Callable[[Decision], Sequence[float]] | None = None,
    rewards: RewardMap = PUBLISHED_REWARDS,
    unrewarded: float | None = None,
) -> BanditLog:
    """Our own log: decisions with the reward of their first outcome.

    Doing nothing earns nothing. A decision without an outcome earns `unrewarded`; where that is
    left out such a decision is refused, because a reward that is merely late is not a zero.
    """
    made = list(decisions)
    first: dict[str, Outcome] = {}
    for outcome in outcomes:
        first.setdefault(outcome.decision_id, outcome)
    earned = [_earned(decision, first, rewards, unrewarded) for decision in made]
    names = tuple(dict.fromkeys(arm for d in made for arm in (d.propensities or (d.arm,))))
    place = {name: number for number, name in enumerate(names)}
    return BanditLog(
        names,
        np.array([place[d.arm] for d in made], dtype=np.intp),
        np.array(earned),
        np.array([d.propensity for d in made]),
        contexts=None if features is None else np.array([features(d) for d in made], dtype=float),
        behaviour=_behaviour(made, place),
    )


def _earned(
    decision: Decision,
    outcomes: Mapping[str, Outcome],
    rewards: RewardMap,
    unrewarded: float | None,
) -> float:
    if decision.arm == NOTHING:
        return 0.0
    outcome = outcomes.get(decision.decision_id)
    if outcome is not None:
        given = outcome.reward
        return rewards.reward(outcome.what, outcome.dwell_ms or 0.0) if given is None else given
    if unrewarded is None:
        raise BadInput(f"decision {decision.decision_id!r} has no outcome; say what it earned")
    return unrewarded


def _behaviour(decisions: Sequence[Decision], place: Mapping[str, int]) -> Floats | None:
    if not all(decision.propensities for decision in decisions):
        return None
    rows = np.zeros((len(decisions), len(place)))
    for row, decision in zip(rows, decisions, strict=True):
        for arm, chance in decision.propensities.items():
            row[place[arm]] = chance
    return rows


def read_open_bandit(path: str | os.PathLike[str]) -> BanditLog:
    """A log of the Open Bandit Dataset: a CSV, or a folder with one log CSV in it.

    Clicks are the rewards, the hashed user features become columns of zeros and ones, and
    positions count from 1. The dataset says no other arm's propensity.
    """
    import pandas as pd

    file = _log_file(Path(path))
    frame = _table(file)
    missing = [name for name in OPEN_BANDIT_COLUMNS if name not in frame]
    if missing:
        raise BadRows(f"{file.name}: columns {missing} are missing; there are {list(frame)[:8]}")
    numbers = frame[list(OPEN_BANDIT_COLUMNS)].apply(pd.to_numeric, errors="coerce")
    try:
        numbers = numbers.astype(float)
    except OverflowError:
        raise BadRows(f"{file.name}: a number is too large") from None
    wrong = ~np.isfinite(numbers).all(axis=1) | (numbers[list(WHOLE)] % 1 != 0).any(axis=1)
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + 2
        rule = f"{list(OPEN_BANDIT_COLUMNS)} must be numbers, {list(WHOLE)} whole"
        raise BadRows(f"{file.name}, line {line}: {rule}")
    if not numbers["item_id"].between(0, MOST_ITEMS - 1).all():
        raise BadRows(f"{file.name}: item_id must lie from 0 to {MOST_ITEMS - 1:,}")
    users = [name for name in frame if str(name).startswith(OPEN_BANDIT_USER)]
    return BanditLog(
        tuple(str(item) for item in range(int(numbers["item_id"].to_numpy().max(initial=-1)) + 1)),
        numbers["item_id"].astype(int),
        numbers["click"],
        numbers["propensity_score"],
        contexts=pd.get_dummies(frame[users]).to_numpy(dtype=float) if users else None,
        positions=numbers["position"].astype(int),
    )


def _table(file: Path) -> pd.DataFrame:
    import pandas as pd

    broken = (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError)
    try:
        return pd.read_csv(file, index_col=0)
    except (*broken, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadRows(f"{file.name} cannot be read as a CSV: {error}") from None


def _log_file(path: Path) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise BadInput(f"there is no file or folder {path}")
        return path
    logs = [file for file in sorted(path.glob("*.csv*")) if file.stem != "item_context"]
    if len(logs) != 1:
        raise BadInput(f"{path} must hold one log CSV, got {[file.name for file in logs]}")
    return logs[0]
