"""From a context to the weights of the features, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vibrator.checks import require_finite, require_text
from vibrator.errors import BadInput, UnknownName

FEATURES = ("user_to_slider", "item_to_slider", "user_item_alignment", "recency")
DEFAULT_WEIGHTS: Mapping[str, float] = dict(zip(FEATURES, (0.35, 0.20, 0.30, 0.15), strict=True))
WORK_HOURS_FACTOR = 1.25
BOOST_FACTOR = 1.5


def _require_feature(feature: Any) -> str:
    if not isinstance(feature, str) or feature not in FEATURES:
        raise UnknownName(f"no feature is called {feature!r}; features: {', '.join(FEATURES)}")
    return str(feature)


def _require_factor(feature: Any, factor: Any) -> float:
    number = require_finite(f"weight of {_require_feature(feature)}", factor)
    if number < 0:
        raise BadInput(f"weight of {feature} must not be negative, got {factor!r}")
    return number


def _require_mapping(name: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise BadInput(f"{name} must map names to values, got {given!r}")


def _factors(name: str, given: Mapping[str, float]) -> dict[str, float]:
    _require_mapping(name, given)
    return {feature: _require_factor(feature, factor) for feature, factor in given.items()}


@dataclass(frozen=True, slots=True)
class ContextRule:
    """When the context says `key` = `value` (any true value, if none is given), scale a feature.

    >>> ContextRule("device", "item_to_slider", 1.2, value="phone").holds({"device": "phone"})
    True
    """

    key: str
    feature: str
    factor: float
    value: Any = None

    def __post_init__(self) -> None:
        require_text("context key", self.key)
        object.__setattr__(self, "factor", _require_factor(self.feature, self.factor))

    def holds(self, context: Mapping[str, Any]) -> bool:
        """Whether this context asks for it."""
        found = context.get(self.key)
        return bool(found) if self.value is None else found == self.value


DEFAULT_RULES = (ContextRule("is_work_hours", "item_to_slider", WORK_HOURS_FACTOR),)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureWeights:
    """The base weights and everything a context may do to them; the result adds up to one.

    `segments` scales features by the context's `segment`; unknown segments change nothing.

    >>> round(FeatureWeights().under({"boost_feature": "recency"})["recency"], 4)
    0.2093
    """

    base: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    segments: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rules: tuple[ContextRule, ...] = DEFAULT_RULES

    def __post_init__(self) -> None:
        base = dict.fromkeys(FEATURES, 0.0) | _factors("base feature weights", self.base)
        object.__setattr__(self, "base", _normalised(base))
        _require_mapping("segments", self.segments)
        segments = {
            name: _factors(f"segment {name!r}", given) for name, given in self.segments.items()
        }
        object.__setattr__(self, "segments", segments)

    def under(self, context: Mapping[str, Any] | None) -> dict[str, float]:
        """The weights in this context."""
        if not context:
            return dict(self.base)
        _require_mapping("context", context)
        weights = dict(self.base)
        for feature, factor in self._of_segment(context.get("segment")).items():
            weights[feature] *= factor
        for rule in self.rules:
            if rule.holds(context):
                weights[rule.feature] *= rule.factor
        boosted = context.get("boost_feature")
        if boosted is not None:
            weights[_require_feature(boosted)] *= BOOST_FACTOR
        return _normalised(weights)

    def _of_segment(self, segment: Any) -> Mapping[str, float]:
        try:
            return self.segments.get(segment, {})
        except TypeError:  # a list or a mapping
            raise BadInput(f"segment must be a text, got {segment!r}") from None


def _normalised(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if not total > 0:
        raise BadInput(f"feature weights must not all be zero, got {weights}")
    return {feature: weight / total for feature, weight in weights.items()}
