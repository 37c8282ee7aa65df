"""When calibration has drifted far enough to refit, asked as often as you like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from vibrator.calibration.measures import calculate_brier_score, checked_pair
from vibrator.calibration.smooth import calculate_smooth_ece
from vibrator.charts import WIDTH, Frame, Line, Mark, line_chart
from vibrator.checks import require_aware, require_count, require_finite, require_share
from vibrator.errors import BadInput
from vibrator.vectors import logit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# The drifts betted on: log-odds that are moved by a shift, stretched by a slope, or both.
SHIFTS = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
SLOPES = (0.5, 0.75, 1.0, 1.5)
MOST_WINDOWS = 10_000  # a day each for 27 years
DRIFTS = tuple((a, b) for a in SHIFTS for b in SLOPES if (a, b) != (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One window: what was said, what happened, and the evidence against calibration so far.

    The figures are None for a window with too few outcomes; it is listed and not judged.
    """

    start: datetime
    end: datetime
    count: int
    said: float | None
    happened: float | None
    brier_score: float | None
    smooth_ece: float | None
    log10_evidence: float
    alarm: bool


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All windows in the order of time, and whether to refit."""

    rows: tuple[DriftRow, ...]
    log10_limit: float

    @property
    def alarm(self) -> DriftRow | None:
        """The first window at which the evidence passed the limit."""
        return next((row for row in self.rows if row.alarm), None)

    @property
    def refit_needed(self) -> bool:
        """Whether the evidence ever passed the limit."""
        return self.alarm is not None

    def why(self) -> str:
        """One sentence that says what was found, and when."""
        row = self.alarm
        if row is None:
            most = max((row.log10_evidence for row in self.rows), default=0.0)
            return (
                f"No refit: over {len(self.rows)} windows the evidence against calibration "
                f"reached {_odds(most)}, below the limit of {_odds(self.log10_limit)}."
            )
        return (
            f"Refit: in the window from {row.start:%Y-%m-%d %H:%M} on, {row.happened:.1%} of "
            f"{row.count} happened where {row.said:.1%} was said; the evidence against calibration "
            f"came to {_odds(row.log10_evidence)}, above the limit of {_odds(self.log10_limit)}."
        )

    def to_svg(self, title: str = "Evidence against calibration", *, width: int = WIDTH) -> str:
        """Evidence over time, and the limit at which to refit."""
        most = self.log10_limit * 4
        heights = [min(max(row.log10_evidence, -1.0), most) for row in self.rows]
        line = Line("evidence", [row.end for row in self.rows], heights, step=True)
        words = f"odds after each window, drawn from 1/10 to {_odds(most)}"
        frame = Frame(title, words, y_format=_plain_odds, width=width)
        return line_chart([line], frame, [Mark(self.log10_limit, "refit above")])


@dataclass(frozen=True, slots=True)
class DriftMonitor:
    """Bets against the probabilities and says to refit once the winnings are beyond chance.

    Each window multiplies a stake by how much better the outcomes fit a drifted map than the
    probabilities as they were said. The stake is spread over kinds of drift and over the window
    at which it may have begun, so a late drift is not drowned by a long good past. While the odds
    are within the tolerated factor of what was said, the winnings are an e-process: the chance
    that they *ever* pass 1/`false_alarm` is at most `false_alarm`, however often one looks (Ville).
    """

    window: timedelta
    fewest: int = 50
    false_alarm: float = 0.05
    tolerated_odds: float = 1.1  # odds may be off by this factor before it counts as drift

    def __post_init__(self) -> None:
        given: object = self.window
        if not isinstance(given, timedelta) or given <= timedelta(0):
            raise BadInput(f"window must be a timedelta longer than nothing, got {given!r}")
        require_count("fewest", self.fewest)
        if not 0 < require_share("false_alarm", self.false_alarm) < 1:
            raise BadInput(f"false_alarm must lie between 0 and 1, got {self.false_alarm}")
        if require_finite("tolerated_odds", self.tolerated_odds) < 1:
            raise BadInput(f"tolerated_odds must be a factor ≥ 1, got {self.tolerated_odds}")

    def check(
        self, times: Iterable[datetime], probabilities: ArrayLike, outcomes: ArrayLike
    ) -> DriftReport:
        """Judge all outcomes since the last refit; call again whenever there are more."""
        p, y = checked_pair(probabilities, outcomes)
        seconds = np.array([require_aware("times", time).timestamp() for time in times])
        if seconds.size != p.size:
            raise BadInput(f"times must be as many as the probabilities, got {seconds.size}")
        origin = seconds.min()
        place = ((seconds - origin) // self.window.total_seconds()).astype(np.intp)
        if place.max() >= MOST_WINDOWS:
            raise BadInput(
                f"window must cut the outcomes' time into at most {MOST_WINDOWS:,} windows, "
                f"{self.window} makes {place.max() + 1:,}"
            )
        ends = np.cumsum(np.bincount(place))[:-1]
        members = np.split(np.argsort(place, kind="stable"), ends)
        judged = [rows if rows.size >= self.fewest else rows[:0] for rows in members]
        gains = np.array([log_gains(p[rows], y[rows], self.tolerated_odds) for rows in judged])
        evidence = log_evidence(gains) / np.log(10)
        limit = float(-np.log10(self.false_alarm))
        start = datetime.fromtimestamp(float(origin), UTC)
        report_rows = tuple(
            DriftRow(
                start + n * self.window,
                start + (n + 1) * self.window,
                members[n].size,
                *_figures(p[judged[n]], y[judged[n]]),
                float(evidence[n]),
                bool(judged[n].size and evidence[n] >= limit),
            )
            for n in range(len(members))
        )
        return DriftReport(report_rows, limit)


def log_gains(p: Floats, y: Floats, tolerated_odds: float) -> Floats:
    """For each kind of drift, log Π q(y) / r(y), r being the tolerated probability nearest to q.

    r lies between p and q, so that the mean gain is at most 1 for every true probability within
    the tolerance. An outcome that was called impossible is proof: its gain is infinite.
    """
    impossible = ((p == 0) & (y == 1)) | ((p == 1) & (y == 0))
    if impossible.any():
        return np.full(len(DRIFTS), np.inf)
    open_ones = (p > 0) & (p < 1)
    x, happened = logit(p[open_ones]), y[open_ones] == 1
    room = np.log(tolerated_odds)
    gains = []
    for shift, slope in DRIFTS:
        drifted = shift + slope * x
        nearest = np.clip(drifted, x - room, x + room)
        ratio = np.where(
            happened,
            _log_sigmoid(drifted) - _log_sigmoid(nearest),
            _log_sigmoid(-drifted) - _log_sigmoid(-nearest),
        )
        gains.append(ratio.sum())
    return np.array(gains)


def log_evidence(gains: Floats) -> Floats:
    """Log of the stake after each window: Σⱼ (mean over drifts of the gain since j) / j(j + 1).

    What is set aside for starts yet to come, 1 / (windows + 1), is kept in hand.
    """
    windows = np.arange(1, len(gains) + 1)
    begins = -np.log(windows * (windows + 1.0) * gains.shape[1])
    won = np.full(gains.shape[1], -np.inf)  # a stake for each drift, from every start so far
    evidence = []
    for begin, gain, in_hand in zip(begins, gains, -np.log(windows + 1.0), strict=True):
        won = np.logaddexp(won, begin) + gain
        evidence.append(np.logaddexp.reduce([*won, in_hand]))
    return np.array(evidence)


Figures = tuple[float | None, float | None, float | None, float | None]


def _figures(p: Floats, y: Floats) -> Figures:
    if p.size == 0:
        return None, None, None, None
    return float(p.mean()), float(y.mean()), calculate_brier_score(p, y), calculate_smooth_ece(p, y)


def _log_sigmoid(x: Floats) -> Floats:
    return -np.logaddexp(0.0, -x)


def _odds(log10: float) -> str:
    return f"{_plain_odds(log10)} to 1" if log10 < 6 else f"10^{log10:.0f} to 1"


def _plain_odds(log10: float) -> str:
    odds = 10**log10
    return f"{odds:,.0f}" if odds >= 10 else f"{odds:.2g}"
