"""Value from a list of purchases alone: BG/NBD for how often, Gamma-Gamma for how much.

Both models are those of Fader, Hardie and Lee (2005); they need numpy and scipy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

from vibrator.checks import require_positive
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PENALTY = 0.001  # on the squared parameters, as published with the reference estimates


@dataclass(frozen=True, slots=True)
class Customers:
    """Repeat purchases x, the day t_x of the last, the day T of the end, their mean amount m.

    Days count from each customer's first purchase.
    """

    x: Floats
    t_x: Floats
    T: Floats
    m: Floats

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.t_x) == len(self.T) == len(self.m) > 0:
            raise BadInput("x, t_x, T and m must be columns of one length with at least one row")
        if (self.x < 0).any() or (self.t_x < 0).any() or (self.t_x > self.T).any():
            raise BadInput("x and t_x must not be negative, and t_x must not exceed T")


@dataclass(frozen=True, slots=True)
class Log:
    """A purchase log: a frame with one row a purchase, and the names of its three columns."""

    frame: pd.DataFrame
    user: str = "user_id"
    date: str = "date"
    amount: str = "amount"

    def __post_init__(self) -> None:
        names = (self.user, self.date, self.amount)
        if missing := [name for name in names if name not in self.frame]:
            raise BadInput(f"the purchase log lacks {missing}")
        if not pd.api.types.is_datetime64_any_dtype(self.frame[self.date]):
            raise BadInput(f"{self.date} must hold times, got {self.frame[self.date].dtype}")
        amounts = self.frame[self.amount].to_numpy(dtype=float)
        if not np.isfinite(amounts).all() or (amounts < 0).any():
            raise BadInput(f"{self.amount} must be finite and not negative")

    def until(self, end: pd.Timestamp) -> pd.DataFrame:
        """The purchases up to `end`; there must be some."""
        rows = self.frame[self.frame[self.date] <= end]
        if rows.empty:
            raise BadInput(f"there is no purchase up to {end}")
        return rows

    def spend(self, people: pd.Index, start: pd.Timestamp, days: float) -> Floats:
        """What each of them spent after `start`, within `days`."""
        when = self.frame[self.date]
        inside = (when > start) & (when <= start + pd.Timedelta(days=days))
        totals = self.frame[inside].groupby(self.user)[self.amount].sum()
        return np.asarray(totals.reindex(people, fill_value=0.0), dtype=float)


def summarize_purchases(log: Log, end: pd.Timestamp) -> tuple[pd.Index, Customers]:
    """One row a customer from the purchases up to `end`; purchases of one day count once.

    `m` is the mean amount of the repeat purchases, 0 without any.
    """
    user, date = log.user, log.date
    rows = log.until(end)
    daily = rows.groupby([user, rows[date].dt.floor("D")])[log.amount].sum().reset_index()
    by_user = daily.groupby(user)
    start, last = by_user[date].min(), by_user[date].max()
    repeats = daily[daily[date] > by_user[date].transform("min")]
    spent = repeats.groupby(user)[log.amount].mean().reindex(start.index, fill_value=0.0)
    day = pd.Timedelta(days=1)
    return start.index, Customers(
        (by_user.size() - 1).to_numpy(dtype=float),
        ((last - start) / day).to_numpy(dtype=float),
        ((end.floor("D") - start) / day).to_numpy(dtype=float),
        spent.to_numpy(dtype=float),
    )


@dataclass(frozen=True, slots=True)
class BgNbd:
    """Buying at a rate ~ Gamma(r, α) until a dropout ~ Beta(a, b) after some purchase."""

    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        for name in ("r", "alpha", "a", "b"):
            require_positive(name, getattr(self, name))

    def alive(self, people: Customers) -> Floats:
        """P(alive) = 1/(1 + 1[x>0]·a/(b+x−1)·((α+T)/(α+t_x))^{r+x})."""
        x, t_x, T = people.x, people.t_x, people.T
        repeat = x > 0
        odds = self.a / (self.b + np.maximum(x, 1.0) - 1.0)
        fading = (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        return np.asarray(1.0 / (1.0 + np.where(repeat, odds * np.exp(fading), 0.0)))

    def expected(self, people: Customers, days: float) -> Floats:
        """E[purchases in the next `days`]."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x, T = people.x, people.T
        z = days / (alpha + T + days)
        shrink = ((alpha + T) / (alpha + T + days)) ** (r + x)
        series = hyp2f1(r + x, b + x, a + b + x - 1.0, z)
        return np.asarray(
            (a + b + x - 1.0) / (a - 1.0) * (1.0 - shrink * series) * self.alive(people)
        )


def fit_bg_nbd(people: Customers, *, penalty: float = PENALTY) -> BgNbd:
    """Penalised maximum likelihood on log parameters, in units of the longest time seen."""
    scale = 1.0 / people.T.max()
    x, t_x, T = people.x, people.t_x * scale, people.T * scale

    def loss(logs: Floats) -> float:
        r, alpha, a, b = np.exp(logs)
        first = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        second = betaln(a, b + x) - betaln(a, b)
        third = -(r + x) * np.log(alpha + T)
        drop = np.log(a) - np.log(b + np.maximum(x, 1.0) - 1.0) - (r + x) * np.log(alpha + t_x)
        both = np.where(x > 0, np.logaddexp(third, drop), third)
        return float(-(first + second + both).mean() + penalty * np.sum(np.exp(2 * logs)))

    r, alpha, a, b = np.exp(_search(loss, 4))
    return BgNbd(float(r), float(alpha / scale), float(a), float(b))


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Mean amounts ~ Gamma(p, ν) with ν ~ Gamma(q, v), whatever the frequency."""

    p: float
    q: float
    v: float

    def __post_init__(self) -> None:
        for name in ("p", "q", "v"):
            require_positive(name, getattr(self, name))

    def expected(self, people: Customers) -> Floats:
        """E[M] = p(v + x·m)/(p·x + q − 1)."""
        p, q, v = self.p, self.q, self.v
        x = np.where(people.m > 0, people.x, 0.0)
        bottom = p * x + q - 1.0
        if not (bottom > 0).all():
            raise BadInput(f"q must exceed 1 for a mean to exist, got {q}")
        return np.asarray(p * (v + x * people.m) / bottom)


def fit_gamma_gamma(people: Customers, *, penalty: float = PENALTY) -> GammaGamma:
    """Penalised maximum likelihood over the customers who came back and paid."""
    paying = (people.x > 0) & (people.m > 0)
    if not paying.any():
        raise BadInput("no customer came back and paid, so amounts cannot be learned")
    x, m = people.x[paying], people.m[paying]

    def loss(logs: Floats) -> float:
        p, q, v = np.exp(logs)
        likelihood = (
            gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
            + (p * x - 1.0) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(x * m + v)
        )  # fmt: skip
        return float(-likelihood.mean() + penalty * np.sum(np.exp(2 * logs)))

    p, q, v = np.exp(_search(loss, 3))
    return GammaGamma(float(p), float(q), float(v))


def _search(loss: Any, size: int) -> Floats:
    found = minimize(loss, np.full(size, 0.1), method="L-BFGS-B")
    if not found.success:
        raise BadInput(f"the likelihood has no maximum that could be found: {found.message}")
    return np.asarray(found.x)


@dataclass(frozen=True, slots=True)
class TransactionModel:
    """Expected spend ahead: purchases by BG/NBD times amount by Gamma-Gamma."""

    frequency: BgNbd
    amount: GammaGamma

    def predict(self, people: Customers, *, days: float) -> Floats:
        """Expected spend of each customer in the next `days`."""
        require_positive("days", days)
        return self.frequency.expected(people, days) * self.amount.expected(people)


def fit_transactions(people: Customers, *, penalty: float = PENALTY) -> TransactionModel:
    """Both models from one table of customers."""
    return TransactionModel(
        fit_bg_nbd(people, penalty=penalty), fit_gamma_gamma(people, penalty=penalty)
    )


def combine(rank: Floats, level: Floats) -> Floats:
    """Predictions in the order and proportions of `rank` that add up to the total of `level`.

    >>> combine(np.array([1.0, 3.0]), np.array([4.0, 4.0]))
    array([2., 6.])
    """
    if not rank.sum() > 0:
        raise BadInput("predictions to rank by must have a positive sum")
    return np.asarray(rank * (level.sum() / rank.sum()))
