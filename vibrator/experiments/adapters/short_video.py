"""Short videos: YouTube's average view percentage, Instagram's engagement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vibrator.errors import UnknownName
from vibrator.experiments.adapters.port import Source, compared, number_in, signals


class ShortVideoAdapter:
    """Reads short videos from `source`, a function from ids to rows; without one it simulates.

    What is simulated depends on the item's id alone and knows no variants: an A/A test. Every such
    row says `simulated`, and so does `describe`.

    >>> ShortVideoAdapter("youtube").describe()
    'short videos on youtube (simulated: no source was given)'
    """

    def __init__(self, platform: str, source: Source | None = None) -> None:
        if platform not in PLATFORMS:
            raise UnknownName(f"no platform {platform!r}; there are {sorted(PLATFORMS)}")
        self.platform = platform
        self.source = source

    def collect_metrics(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """One row an item, from the source or from the simulation."""
        if self.source is not None:
            return self.source(item_ids)
        simulate, _ = PLATFORMS[self.platform]
        return [{"id": name, **simulate(_dice(name)), "simulated": True} for name in item_ids]

    def get_signals(self, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The platform's primary metric over the items that have it, the others beside it."""
        _, primary = PLATFORMS[self.platform]
        return signals(metrics, primary)

    def format_context(
        self, top_items: Sequence[Mapping[str, Any]], bottom_items: Sequence[Mapping[str, Any]]
    ) -> str:
        """The platform, the best and the worst videos."""
        return f"{self.describe()}\n{compared(top_items, bottom_items)}"

    def describe(self) -> str:
        """The platform, and whether its numbers are real."""
        simulated = " (simulated: no source was given)" if self.source is None else ""
        return f"short videos on {self.platform}{simulated}"


def view_percentage(item: Mapping[str, Any]) -> float | None:
    """YouTube: the average percentage of the video that was watched."""
    return number_in(item, "avg_view_pct")


def engagement(item: Mapping[str, Any]) -> float | None:
    """Instagram: (3·saves + 2·shares + 2·comments + likes) / reach · 100; None if one is missing.

    >>> engagement({"saves": 10, "shares": 5, "comments": 5, "likes": 50, "reach": 1000})
    10.0
    """
    parts = [number_in(item, name) for name in ("saves", "shares", "comments", "likes")]
    reach = number_in(item, "reach")
    if not reach or None in parts:
        return None
    weighted = sum(weight * part for weight, part in zip((3, 2, 2, 1), parts, strict=True) if part)
    return float(weighted / reach * 100)


def _youtube(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "avg_view_pct": round(100 * float(rng.beta(9, 7)), 1),
        "views": int(rng.lognormal(8, 1)),
        "like_rate": round(float(rng.beta(3, 60) * 100), 2),
    }


def _instagram(rng: np.random.Generator) -> dict[str, Any]:
    reach = 200 + int(rng.lognormal(8, 1))
    rates = {"likes": 0.06, "saves": 0.015, "shares": 0.01, "comments": 0.008}
    return {"reach": reach, **{name: int(rng.binomial(reach, p)) for name, p in rates.items()}}


def _dice(item_id: str) -> np.random.Generator:
    seed = hashlib.blake2b(item_id.encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(seed, "big"))


PLATFORMS: dict[
    str,
    tuple[
        Callable[[np.random.Generator], dict[str, Any]],
        Callable[[Mapping[str, Any]], float | None],
    ],
] = {"youtube": (_youtube, view_percentage), "instagram": (_instagram, engagement)}
