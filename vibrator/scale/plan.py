"""What so many people and events need: arithmetic on measured costs, every step shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from vibrator.checks import require_positive, require_share
from vibrator.errors import BadInput
from vibrator.profile import RING

DAY = 86_400.0
GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one core takes, and what one row weighs; measured by `benchmarks/scale.py`.

    The defaults are of the embedded encoder (256 numbers a vector, texts cached) on one shared
    cloud core. Measure yours and pass them.
    """

    fold_user_us: float = 145.0
    fold_kept_us: float = 8.0
    fold_summed_us: float = 1.7
    score_user_us: float = 770.0  # a profile read and looked at
    score_pair_us: float = 0.01  # where only the best are kept
    score_slider_us: float = 0.014  # of a pair
    online_event_us: float = 500.0  # the bar of benchmarks/stores.py: appended one by one
    profile_bytes: float = 6_420.0
    profile_event_bytes: float = 1_163.0
    redis_factor: float = 1.16
    log_event_bytes: float = 357.0  # PostgreSQL, indexes included
    online_decision_ms: float = 2.0  # the same bars: load, score, decide

    def __post_init__(self) -> None:
        for name in self.__slots__:
            require_positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is going on."""

    users: float
    events_per_day: float
    decisions_per_day: float = 0.0
    items: float = 10_000
    sliders: float = 4
    active: float = 0.1  # share of the users seen on a day
    kept_days: float = 365.0
    peak: float = 3.0  # busiest second over the mean one

    def __post_init__(self) -> None:
        for name in ("users", "events_per_day", "items", "sliders", "kept_days"):
            require_positive(name, getattr(self, name))
        if self.decisions_per_day < 0 or self.peak < 1:
            raise BadInput("decisions_per_day must not be negative, peak not below 1")
        if not require_share("active", self.active):
            raise BadInput("active must be above 0")

    @property
    def events_per_active_user(self) -> float:
        """On a day."""
        return self.events_per_day / (self.users * self.active)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """How full machines may be made."""

    core_use: float = 0.6
    redis_gb: float = 50.0
    partition_gb: float = 100.0
    batch_hours: float = 4.0


class Need(NamedTuple):
    """One line of a plan: what, how much, and how that comes about."""

    need: str
    amount: float
    unit: str
    because: str


def plan(load: Load, costs: Costs = Costs(), machines: Machines = Machines()) -> list[Need]:
    """What the load needs, in the order of the loop."""
    return [*_online(load, costs, machines), *_kept(load, costs, machines), *_nightly(
        load, costs, machines
    )]  # fmt: skip


def _online(load: Load, costs: Costs, machines: Machines) -> Iterator[Need]:
    events = load.events_per_day * load.peak / DAY
    yield Need(
        "events at the peak", events, "a second",
        f"{load.events_per_day:,.0f} a day / 86,400 s x {load.peak:g}",
    )  # fmt: skip
    seconds = events * costs.online_event_us / 1e6
    decided = load.decisions_per_day * load.peak / DAY
    seconds += decided * costs.online_decision_ms / 1e3
    yield Need(
        "cores of the service", math.ceil(seconds / machines.core_use), "cores",
        f"({events:,.0f} events x {costs.online_event_us:g} us + {decided:,.0f} decisions x "
        f"{costs.online_decision_ms:g} ms) / {machines.core_use:.0%} full",
    )  # fmt: skip


def _kept(load: Load, costs: Costs, machines: Machines) -> Iterator[Need]:
    hot = load.users * load.active
    size = profile_size(costs, RING)
    memory = hot * size * costs.redis_factor / GB
    yield Need(
        "Redis, a million profiles", 1e6 * size * costs.redis_factor / GB, "GB",
        f"{size:,.0f} bytes a profile x {costs.redis_factor:g}",
    )  # fmt: skip
    yield Need(
        "Redis, hot profiles", memory, "GB", f"{hot:,.0f} active users x the same",
    )  # fmt: skip
    yield Need(
        "Redis shards", math.ceil(memory / machines.redis_gb), "servers",
        f"of {machines.redis_gb:g} GB each",
    )  # fmt: skip
    log = load.events_per_day * load.kept_days * costs.log_event_bytes / GB
    yield Need(
        "PostgreSQL, the log", log, "GB",
        f"{load.events_per_day:,.0f} events x {load.kept_days:g} days x "
        f"{costs.log_event_bytes:g} bytes",
    )  # fmt: skip
    parts = max(1, math.ceil(log / load.kept_days / machines.partition_gb)) * load.kept_days
    yield Need(
        "PostgreSQL partitions", math.ceil(parts), "tables",
        f"by day, and by a hash of the user where a day exceeds {machines.partition_gb:g} GB",
    )  # fmt: skip


def _nightly(load: Load, costs: Costs, machines: Machines) -> Iterator[Need]:
    active = load.users * load.active
    each = load.events_per_active_user
    kept, summed = min(each, RING), max(each - RING, 0.0)
    seconds = active / 1e6 * (
        costs.fold_user_us + kept * costs.fold_kept_us + summed * costs.fold_summed_us
    )  # fmt: skip
    yield Need(
        "folding a day", seconds / 3600, "core hours",
        f"{active:,.0f} users x ({costs.fold_user_us:g} + {kept:.1f} kept x "
        f"{costs.fold_kept_us:g} + {summed:.1f} summed x {costs.fold_summed_us:g}) us",
    )  # fmt: skip
    pair = costs.score_pair_us + load.sliders * costs.score_slider_us
    scoring = active / 1e6 * (costs.score_user_us + load.items * pair)
    yield Need(
        "scoring all items for the active",
        scoring / 3600,
        "core hours",
        f"{active:,.0f} users x ({costs.score_user_us:g} + {load.items:,.0f} items x "
        f"({costs.score_pair_us:g} + {load.sliders:g} sliders x {costs.score_slider_us:g})) us",
    )
    hours = (seconds + scoring) / 3600
    yield Need(
        "Dask workers", math.ceil(hours / machines.batch_hours / machines.core_use), "cores",
        f"{hours:,.1f} core hours in {machines.batch_hours:g} h, {machines.core_use:.0%} full",
    )  # fmt: skip


def profile_size(costs: Costs, events: float) -> float:
    """Bytes of a profile: the sums, and the newest events with words and vectors."""
    return costs.profile_bytes + min(events, RING) * costs.profile_event_bytes
