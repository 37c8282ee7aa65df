"""Policies that learn by trying, and honest evaluation of what was not tried."""

from vibrator.bandits.bandit import BANDITS, Bandit, Choice, bandit
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
from vibrator.bandits.models import CountModel, Estimates, LinearModel
from vibrator.bandits.pending import DelayedRewards
from vibrator.bandits.policy import (
    BanditPolicy,
    numbers_of_candidates,
    one_each,
    slate_sizes,
)
from vibrator.bandits.saving import load_bandit, save_bandit

__all__ = [
    "BANDITS",
    "EXPLORERS",
    "Bandit",
    "BanditPolicy",
    "BetaThompson",
    "Choice",
    "CountModel",
    "DelayedRewards",
    "Estimates",
    "Explorer",
    "Greedy",
    "LinearModel",
    "Softmax",
    "SquareCB",
    "Thompson",
    "UpperBound",
    "bandit",
    "load_bandit",
    "numbers_of_candidates",
    "one_each",
    "save_bandit",
    "slate_sizes",
]
