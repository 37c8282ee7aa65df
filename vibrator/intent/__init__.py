"""What people want now, whether to act on it, and what acting would have brought.

Each name arrives when it is first asked for, so that guards do not cost what a replay needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibrator.intent.arms import BetaArms as BetaArms
    from vibrator.intent.arms import chances_to_win as chances_to_win
    from vibrator.intent.findings import Findings as Findings
    from vibrator.intent.findings import write_findings as write_findings
    from vibrator.intent.findings import write_simulation as write_simulation
    from vibrator.intent.guards import EXPLORE as EXPLORE
    from vibrator.intent.guards import ConsentGuard as ConsentGuard
    from vibrator.intent.guards import CoolDown as CoolDown
    from vibrator.intent.guards import DoNothingBelow as DoNothingBelow
    from vibrator.intent.guards import ExplorationCap as ExplorationCap
    from vibrator.intent.guards import FrequencyCap as FrequencyCap
    from vibrator.intent.guards import FreshIntent as FreshIntent
    from vibrator.intent.guards import Holdout as Holdout
    from vibrator.intent.guards import QuietHours as QuietHours
    from vibrator.intent.guards import best_score_of as best_score_of
    from vibrator.intent.guards import confidence_of as confidence_of
    from vibrator.intent.guards import decide as decide
    from vibrator.intent.guards import review as review
    from vibrator.intent.picks import BestScored as BestScored
    from vibrator.intent.picks import Picker as Picker
    from vibrator.intent.picks import PopularFirst as PopularFirst
    from vibrator.intent.policies import POLICIES as POLICIES
    from vibrator.intent.policies import Blueprint as Blueprint
    from vibrator.intent.policies import LiquidBandits as LiquidBandits
    from vibrator.intent.policies import LiquidRules as LiquidRules
    from vibrator.intent.policies import Moments as Moments
    from vibrator.intent.policies import Planned as Planned
    from vibrator.intent.policies import Slates as Slates
    from vibrator.intent.policies import Static as Static
    from vibrator.intent.policies import Thresholds as Thresholds
    from vibrator.intent.policies import Triggers as Triggers
    from vibrator.intent.policies import build_policy as build_policy
    from vibrator.intent.replay import (
        evaluate_policies_on_event_log as evaluate_policies_on_event_log,
    )
    from vibrator.intent.settings import Configuration as Configuration
    from vibrator.intent.settings import ReplaySettings as ReplaySettings
    from vibrator.intent.settings import read_configuration as read_configuration
    from vibrator.intent.simulation import Manner as Manner
    from vibrator.intent.simulation import Scenario as Scenario
    from vibrator.intent.simulation import rank_simulation as rank_simulation
    from vibrator.intent.simulation import simulate_policies as simulate_policies
    from vibrator.intent.state import IntentState as IntentState
    from vibrator.intent.summary import bootstrap_summary as bootstrap_summary
    from vibrator.intent.summary import friedman_nemenyi as friedman_nemenyi

_HOMES = {
    "arms": (
        "BetaArms",
        "chances_to_win",
    ),
    "findings": (
        "Findings",
        "write_findings",
        "write_simulation",
    ),
    "guards": (
        "ConsentGuard",
        "CoolDown",
        "DoNothingBelow",
        "EXPLORE",
        "ExplorationCap",
        "FrequencyCap",
        "FreshIntent",
        "Holdout",
        "QuietHours",
        "best_score_of",
        "confidence_of",
        "decide",
        "review",
    ),
    "picks": (
        "BestScored",
        "Picker",
        "PopularFirst",
    ),
    "policies": (
        "Blueprint",
        "LiquidBandits",
        "LiquidRules",
        "Moments",
        "POLICIES",
        "Planned",
        "Slates",
        "Static",
        "Thresholds",
        "Triggers",
        "build_policy",
    ),
    "replay": ("evaluate_policies_on_event_log",),
    "settings": (
        "Configuration",
        "ReplaySettings",
        "read_configuration",
    ),
    "simulation": (
        "Manner",
        "Scenario",
        "rank_simulation",
        "simulate_policies",
    ),
    "state": ("IntentState",),
    "summary": (
        "bootstrap_summary",
        "friedman_nemenyi",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME)]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
