"""The settings of replays and of the simulation, as they stand in a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from vibrator.checks import require_count, require_finite
from vibrator.errors import BadInput
from vibrator.intent.policies import Thresholds
from vibrator.intent.replay import TRUST_WEIGHT
from vibrator.intent.simulation import Scenario
from vibrator.intent.state import require_half_lives

OVERRIDES = {"movielens": {"half_life_fast_days": 3.0, "half_life_slow_days": 14.0}}
ONLY_STATISTICS = ("n_bootstrap", "bootstrap_seed")
Written = TypeVar("Written", "ReplaySettings", Scenario)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What a replay may be told, under the names of `evaluate_policies_on_event_log`."""

    half_life_fast_days: float = 1.0
    half_life_slow_days: float = 7.0
    theta: float = 0.55
    theta_safe: float = 0.65
    top_k: int = 10
    bandit_epsilon: float = 0.05
    trust_weight: float = TRUST_WEIGHT
    seed: int = 0
    n_bootstrap: int = 500
    bootstrap_seed: int = 42

    def __post_init__(self) -> None:
        require_half_lives(self.half_life_fast_days, self.half_life_slow_days)
        Thresholds(
            theta=self.theta,
            theta_safe=self.theta_safe,
            top_k=self.top_k,
            bandit_epsilon=self.bandit_epsilon,
        )
        require_finite("trust_weight", self.trust_weight)
        require_count("n_bootstrap", self.n_bootstrap)
        for name in ("seed", "bootstrap_seed"):
            if getattr(self, name) < 0:
                raise BadInput(f"{name} must not be negative, got {getattr(self, name)!r}")

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the replay itself, without those of its statistics."""
        return {name: value for name, value in asdict(self).items() if name not in ONLY_STATISTICS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings for everything, what single data sets override, and the simulated world."""

    base: ReplaySettings = field(default_factory=ReplaySettings)
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: dict(OVERRIDES))
    simulation: Scenario = field(default_factory=Scenario)

    def __post_init__(self) -> None:
        for name in self.datasets:
            self.of(name)

    def of(self, dataset: str, *, paper: bool = False) -> ReplaySettings:
        """The settings of one data set; the paper's tables were made without overrides."""
        changes = {} if paper else self.datasets.get(dataset, {})
        return _changed(self.base, changes, f"datasets.{dataset}")


def read_configuration(path: str | Path) -> Configuration:
    """A YAML file: settings at the top, `datasets:` with overrides by name, `simulation:`."""
    try:
        written = yaml.safe_load(Path(path).read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"{path} must be a YAML file, got {error}") from None
    if not isinstance(written, dict):
        raise BadInput(f"{path} must hold names and values, got {type(written).__name__}")
    datasets = _mapping("datasets", written.pop("datasets", None))
    world = _mapping("simulation", written.pop("simulation", None))
    return Configuration(
        base=_changed(ReplaySettings(), written, str(path)),
        datasets={name: _mapping(name, changes) for name, changes in datasets.items()},
        simulation=_changed(Scenario(), world, "simulation"),
    )


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput(f"{name} must hold names and values, got {value!r}")
    return value


def _changed(value: Written, changes: Mapping[str, Any], where: str) -> Written:
    known = {item.name: getattr(value, item.name) for item in fields(value)}
    for name, new in changes.items():
        if name not in known:
            raise BadInput(f"{where} must use known names, got {name!r}; known: {sorted(known)}")
        if isinstance(new, bool) or not isinstance(new, _kinds(known[name])):
            raise BadInput(f"{name} in {where} must be like {known[name]!r}, got {new!r}")
    return replace(value, **{name: _like(known[name], new) for name, new in changes.items()})


def _kinds(old: Any) -> tuple[type, ...]:
    return {float: (int, float), tuple: (list, tuple)}.get(type(old), (type(old),))


def _like(old: Any, new: Any) -> Any:
    return tuple(new) if isinstance(old, tuple) else new
