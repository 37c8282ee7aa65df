"""People who install an app and may spend in it, with a planted truth.

Each person has four hidden traits: `spender` (how readily they pay), `wealth` (how much at once),
`engaged` (how much they play) and `impulse` (how early they pay). The columns are noisy traces of
them; the labels follow from a purchase process that only the traits drive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.errors import BadInput
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HORIZONS = (1, 7, 14, 28)
COUNTRIES = (
    "US",
    "DE",
    "GB",
    "JP",
    "BR",
    "IN",
    "NG",
    "KE",
    "FR",
    "IT",
    "ES",
    "PL",
    "MX",
    "AR",
    "TR",
    "ID",
    "VN",
    "PH",
    "EG",
    "ZA",
)
CATEGORIES = (
    "puzzle",
    "strategy",
    "casino",
    "racing",
    "word",
    "rpg",
    "cards",
    "sports",
    "sim",
    "arcade",
)
SOURCES = (
    "organic",
    "search",
    "social",
    "video",
    "playable",
    "offerwall",
)
DEVICES = 60
BUNDLES = 40
HOURS = 24
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Population:
    """What is planted; the defaults give 3 to 5 % buyers and 70 % of revenue to the top 1 %."""

    start: str = "2025-03-01"
    days: int = 60
    base_logit: float = -3.75
    median_price: float = 6.0
    price_spread: float = 0.75
    repeats: float = 0.35
    lateness: float = -0.05
    haste: float = 0.12
    trend_per_month: float = 0.04

    def __post_init__(self) -> None:
        if self.days < 1:
            raise BadInput(f"days must be at least 1, got {self.days}")
        if not self.median_price > 0 or not self.price_spread > 0:
            raise BadInput("median_price and price_spread must be positive")


@dataclass(frozen=True, slots=True)
class Truth:
    """What nobody sees outside a simulation: the traits and the true 28-day buying chance."""

    spender: Floats
    wealth: Floats
    engaged: Floats
    impulse: Floats
    chance: Floats


def simulate_users(
    count: int, rng: Generator, *, population: Population | None = None, first_id: int = 0
) -> tuple[pd.DataFrame, Truth]:
    """Columns and labels of `count` installs in order of time, beside the truth behind them."""
    if count < 1:
        raise BadInput(f"count must be at least 1, got {count}")
    plan = population or Population()
    where = _places(count, rng)
    truth = _traits(where, plan, rng)
    day = np.sort(rng.uniform(0, plan.days, count))
    chance = sigmoid(truth["logit"] + plan.trend_per_month * (day - plan.days / 2) / 30)
    columns = {
        "user_id": np.arange(first_id, first_id + count),
        "datetime": pd.Timestamp(plan.start, tz="UTC") + pd.to_timedelta(day.round(4), unit="D"),
        **_named(where),
        **_traces(truth, rng),
        **_labels(truth, chance, plan, rng),
    }
    traits = {name: truth[name] for name in ("spender", "wealth", "engaged", "impulse")}
    return pd.DataFrame(columns), Truth(chance=chance, **traits)


def _zipf(size: int, count: int, rng: Generator, *, power: float = 0.8) -> NDArray[np.int64]:
    shares = 1.0 / np.arange(1, size + 1) ** power
    return rng.choice(size, count, p=shares / shares.sum())


def _places(count: int, rng: Generator) -> dict[str, NDArray[np.int64]]:
    return {
        "country": _zipf(len(COUNTRIES), count, rng),
        "category": _zipf(len(CATEGORIES), count, rng, power=0.5),
        "source": _zipf(len(SOURCES), count, rng, power=0.5),
        "device": _zipf(DEVICES, count, rng),
        "bundle": _zipf(BUNDLES, count, rng),
    }


def _effects(size: int, spread: float, salt: int) -> Floats:
    """Effects of places belong to the world, not to one draw of people."""
    return np.random.default_rng(salt).normal(0.0, spread, size)


def _traits(
    where: dict[str, NDArray[np.int64]], plan: Population, rng: Generator
) -> dict[str, Floats]:
    count = len(where["country"])
    spender, engaged = rng.normal(size=count), rng.normal(size=count)
    rich_place = _effects(len(COUNTRIES), 0.45, 11)[where["country"]]
    rich_device = _effects(DEVICES, 0.4, 12)[where["device"]]
    wealth = 0.75 * rng.normal(size=count) + rich_place + rich_device + 0.3 * spender
    taste = _effects(len(CATEGORIES), 0.35, 13)[where["category"]]
    reach = _effects(len(SOURCES), 0.3, 14)[where["source"]]
    impulse = 0.8 * rng.normal(size=count) + 1.4 * reach + 1.0 * taste
    logit = (
        plan.base_logit + 0.95 * spender + 0.5 * engaged + 0.25 * np.maximum(spender, 0) * engaged
    )
    return {
        "spender": spender,
        "wealth": wealth,
        "engaged": engaged,
        "impulse": impulse,
        "rich_device": rich_device,
        "logit": logit + taste + reach + 0.25 * rich_place,
    }


def _named(where: dict[str, NDArray[np.int64]]) -> dict[str, Any]:
    return {
        "country": np.array(COUNTRIES, dtype=object)[where["country"]],
        "os": np.where(_effects(DEVICES, 1.0, 15)[where["device"]] > 0.2, "ios", "android"),
        "category": np.array(CATEGORIES, dtype=object)[where["category"]],
        "source": np.array(SOURCES, dtype=object)[where["source"]],
        "device_model": np.array([f"model-{i:02d}" for i in range(DEVICES)], dtype=object)[
            where["device"]
        ],
        "bundle": np.array([f"app.{i:02d}" for i in range(BUNDLES)], dtype=object)[where["bundle"]],
    }


def _traces(truth: dict[str, Floats], rng: Generator) -> dict[str, Any]:
    """What an ad network or a first session would see of a person before the install matures."""
    count = len(truth["spender"])
    spender, wealth, engaged = truth["spender"], truth["wealth"], truth["engaged"]
    impulse = truth["impulse"]

    def blur(trait: Floats, scale: float) -> Floats:
        return trait + scale * rng.normal(size=count)

    purchases = rng.poisson(np.exp(-0.9 + 1.0 * spender))
    ticket = np.exp(1.6 + 0.85 * wealth + 0.5 * rng.normal(size=count))
    spend = purchases * ticket
    sessions = rng.poisson(np.exp(1.4 + 0.55 * engaged))
    minutes = sessions * np.exp(1.5 + 0.3 * blur(engaged, 0.8))
    installs = rng.poisson(np.exp(1.1 + 0.25 * engaged))
    clicks = rng.poisson(np.exp(0.2 + 0.4 * blur(impulse, 0.6)))
    idle = np.where(purchases > 0, rng.exponential(30.0 / (1 + purchases)), np.nan)
    return {
        "device_price": np.round(np.exp(5.6 + 0.8 * truth["rich_device"]), 2),
        "on_wifi": rng.random(count) < 0.6,
        "notifications": rng.random(count) < sigmoid(0.4 * engaged),
        "past_purchases": purchases,
        "past_spend": spend.round(2),
        "largest_purchase": (ticket * (purchases > 0) * rng.uniform(1, 1.6, count)).round(2),
        "days_since_purchase": idle.round(2),
        "sessions": sessions,
        "session_minutes": minutes.round(1),
        "active_days": np.minimum(rng.poisson(np.exp(1.6 + 0.4 * engaged)), 30),
        "installs_7d": rng.binomial(installs, 0.35),
        "installs_30d": installs,
        "ad_impressions": rng.poisson(np.exp(2.2 - 0.2 * spender)),
        "ad_clicks": clicks,
        "store_seconds": np.exp(2.0 + 0.5 * blur(impulse, 0.7)).round(1),
        "first_offer_seconds": np.exp(5.0 - 0.5 * blur(impulse, 0.8)).round(1),
        "tutorial_seconds": np.exp(4.2 - 0.1 * blur(engaged, 1.0)).round(1),
        "level": rng.poisson(np.exp(1.2 + 0.5 * engaged)),
        "screen_brightness": rng.random(count).round(3),
        "battery": rng.random(count).round(3),
    }


def _labels(
    truth: dict[str, Floats], chance: Floats, plan: Population, rng: Generator
) -> dict[str, Any]:
    """A buyer makes 1 + Poisson(…) purchases; each falls on a Beta-drawn moment of 28 days."""
    count, last = len(chance), HORIZONS[-1]
    buys = rng.random(count) < chance
    more = rng.poisson(np.exp(plan.repeats + 0.45 * truth["spender"] + 0.2 * truth["engaged"]))
    number = np.where(buys, 1 + more, 0)
    who = np.repeat(np.arange(count), number)
    early = np.exp(plan.lateness - plan.haste * truth["impulse"])
    when = last * rng.beta(early[who], 1.1)
    paid = plan.median_price * np.exp(
        0.85 * truth["wealth"][who] + plan.price_spread * rng.normal(size=len(who))
    )
    labels: dict[str, Any] = {}
    for horizon in HORIZONS:
        revenue = np.bincount(who, np.where(when <= horizon, paid, 0.0), count).round(2)
        labels[f"buyer_d{horizon}"] = (revenue > 0).astype(np.int8)
        labels[f"iap_revenue_d{horizon}"] = revenue
    return labels
