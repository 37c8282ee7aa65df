"""What vibrator knows of a person as value features: slider probabilities, intent state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from vibrator.intent.state import IntentState
    from vibrator.pipeline.outputs import SliderOutput

DAY = 86_400.0


def slider_columns(scored: Mapping[str, Sequence[SliderOutput]]) -> pd.DataFrame:
    """One row a user: `slider_<name>` is the probability, `slider_evidence` how much is known."""
    rows = {
        user: {f"slider_{output.name}": output.probability for output in outputs}
        | {"slider_evidence": max((output.evidence for output in outputs), default=0.0)}
        for user, outputs in scored.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def intent_columns(states: Mapping[str, IntentState], now: datetime) -> pd.DataFrame:
    """One row a user: how much is known fast and slow, how sure the intent is, how old."""
    rows = {}
    for user, state in states.items():
        fast, slow = state.fast_prefs(now), state.slow_prefs(now)
        newest = state.newest(now)
        rows[user] = {
            "intent_fast": float(fast.sum()),
            "intent_slow": float(slow.sum()),
            "intent_confidence": state.combined_confidence(now)[1],
            "intent_age_days": None if newest is None else (now.timestamp() - newest) / DAY,
        }
    return pd.DataFrame.from_dict(rows, orient="index").astype(float)


def join_columns(frame: pd.DataFrame, columns: pd.DataFrame, *, user: str) -> pd.DataFrame:
    """The frame with the columns of each row's user; a user that nobody scored has gaps."""
    if user not in frame:
        raise UnknownName(f"no column {user!r} names the users; there are {list(frame.columns)}")
    if clash := sorted(set(frame) & set(columns)):
        raise BadInput(f"the frame holds these columns already: {clash}")
    return frame.join(columns, on=user)
