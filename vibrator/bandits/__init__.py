"""Policies that learn by trying, and honest evaluation of what was not tried."""

from vibrator.bandits.bandit import BANDITS, Bandit, Choice, bandit
from vibrator.bandits.egreedy_v1 import EgreedyV1, TipFacts
from vibrator.bandits.estimators import ESTIMATORS
from vibrator.bandits.evaluate import (
    Evaluation,
    Overlap,
    PolicyValue,
    evaluate_policy,
    policy_value,
)
from vibrator.bandits.explorers import (
    EXPLORERS,
    BetaThompson,
    Explorer,
    Greedy,
    Softmax,
    SquareCB,
    Thompson,
    UpperBound,
)
from vibrator.bandits.logs import BanditLog, log_of_decisions, read_open_bandit
from vibrator.bandits.models import CountModel, Estimates, LinearModel
from vibrator.bandits.pending import DelayedRewards
from vibrator.bandits.policy import (
    BanditPolicy,
    numbers_of_candidates,
    one_each,
    slate_sizes,
    slider_scores,
)
from vibrator.bandits.saving import load_bandit, save_bandit
from vibrator.bandits.slates import evaluate_by_position, slate_parts

__all__ = [
    "BANDITS",
    "ESTIMATORS",
    "EXPLORERS",
    "Bandit",
    "BanditLog",
    "BanditPolicy",
    "BetaThompson",
    "Choice",
    "CountModel",
    "DelayedRewards",
    "EgreedyV1",
    "Estimates",
    "Evaluation",
    "Explorer",
    "Greedy",
    "LinearModel",
    "Overlap",
    "PolicyValue",
    "Softmax",
    "SquareCB",
    "Thompson",
    "TipFacts",
    "UpperBound",
    "bandit",
    "evaluate_by_position",
    "evaluate_policy",
    "load_bandit",
    "log_of_decisions",
    "numbers_of_candidates",
    "one_each",
    "policy_value",
    "read_open_bandit",
    "save_bandit",
    "slate_parts",
    "slate_sizes",
    "slider_scores",
]
