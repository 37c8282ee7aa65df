"""What people want now, whether to act on it, and what acting would have brought."""

from vibrator.intent.arms import BetaArms, chances_to_win
from vibrator.intent.findings import Findings, write_findings, write_simulation
from vibrator.intent.guards import (
    EXPLORE,
    ConsentGuard,
    CoolDown,
    DoNothingBelow,
    ExplorationCap,
    FrequencyCap,
    FreshIntent,
    Holdout,
    QuietHours,
    best_score_of,
    confidence_of,
    decide,
    review,
)
from vibrator.intent.picks import BestScored, Picker, PopularFirst
from vibrator.intent.policies import (
    POLICIES,
    Blueprint,
    LiquidBandits,
    LiquidRules,
    Moments,
    Planned,
    Slates,
    Static,
    Thresholds,
    Triggers,
    build_policy,
)
from vibrator.intent.replay import evaluate_policies_on_event_log
from vibrator.intent.settings import Configuration, ReplaySettings, read_configuration
from vibrator.intent.simulation import Manner, Scenario, rank_simulation, simulate_policies
from vibrator.intent.state import IntentState
from vibrator.intent.summary import bootstrap_summary, friedman_nemenyi

__all__ = [
    "EXPLORE",
    "POLICIES",
    "BestScored",
    "BetaArms",
    "Blueprint",
    "Configuration",
    "ConsentGuard",
    "CoolDown",
    "DoNothingBelow",
    "ExplorationCap",
    "Findings",
    "FrequencyCap",
    "FreshIntent",
    "Holdout",
    "IntentState",
    "LiquidBandits",
    "LiquidRules",
    "Manner",
    "Moments",
    "Picker",
    "Planned",
    "PopularFirst",
    "QuietHours",
    "ReplaySettings",
    "Scenario",
    "Slates",
    "Static",
    "Thresholds",
    "Triggers",
    "best_score_of",
    "bootstrap_summary",
    "build_policy",
    "chances_to_win",
    "confidence_of",
    "decide",
    "evaluate_policies_on_event_log",
    "friedman_nemenyi",
    "rank_simulation",
    "read_configuration",
    "review",
    "simulate_policies",
    "write_findings",
    "write_simulation",
]
