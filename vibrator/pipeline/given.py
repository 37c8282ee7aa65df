"""What a scorer is given, refused where it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.actions import UserAction
from vibrator.checks import require_finite
from vibrator.errors import BadInput
from vibrator.sliders import SliderSet
from vibrator.weights import FeatureWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PLAIN = {UserAction}


def require_methods(name: str, given: Any, *methods: str) -> Any:
    """An object that has these methods."""
    if not all(hasattr(given, method) for method in methods):
        raise BadInput(f"{name} must have {' and '.join(methods)}, got {given!r:.80}")
    return given


def require_actions(actions: Any, *, cold_start: bool) -> Sequence[UserAction]:
    """The actions as a tuple; none of them only where a stranger is meant."""
    if isinstance(actions, (str, bytes, UserAction)) or not hasattr(actions, "__iter__"):
        kind = type(actions).__name__  # and no more: it may hold somebody's words
        raise BadInput(f"actions must be a list of UserAction or a Profile, got one {kind}")
    listed = tuple(actions)
    if set(map(type, listed)) == PLAIN:
        return listed
    for position, action in enumerate(listed):
        if not isinstance(action, UserAction):
            kind = type(action).__name__
            raise BadInput(f"actions[{position}] must be a UserAction, got one {kind}")
    if not listed and not cold_start:
        raise BadInput("actions must not be empty: say cold_start=True to score a stranger")
    return listed


def require_weights(
    base: Mapping[str, float] | FeatureWeights | None,
    segments: Mapping[str, Mapping[str, float]] | None,
) -> FeatureWeights:
    """The weights of the features, from what the constructor takes."""
    if isinstance(base, FeatureWeights):
        if segments is not None:
            raise BadInput("feature_overrides_by_segment stand in the FeatureWeights given already")
        return base
    given: dict[str, Any] = {} if base is None else {"base": base}
    return FeatureWeights(**given, segments={} if segments is None else segments)


def require_calibrators(
    calibrators: Mapping[str, Any] | None, sliders: SliderSet
) -> dict[str, Any]:
    """A calibrator for each of some sliders, by name."""
    stray = sorted(set(calibrators or {}) - set(sliders))
    if stray:
        raise BadInput(f"calibrators are given for unknown sliders {stray}")
    return {
        name: require_methods(f"calibrator of {name!r}", one, "transform")
        for name, one in (calibrators or {}).items()
    }


def require_priors(prior: float | Mapping[str, float] | None, sliders: SliderSet) -> Floats:
    """A probability a slider: 1/n for n sliders and ½ for one where none is given."""
    default = 1.0 / len(sliders) if len(sliders) > 1 else 0.5
    if isinstance(prior, Mapping):
        stray = sorted(set(prior) - set(sliders))
        if stray:
            raise BadInput(f"priors are given for unknown sliders {stray}")
        values = [prior.get(name, default) for name in sliders]
    else:
        values = [default if prior is None else prior] * len(sliders)
    for value in values:
        if not 0.0 < require_finite("prior", value) < 1.0:
            raise BadInput(f"prior must lie between 0 and 1, got {value!r}")
    return np.array(values, dtype=np.float64)
