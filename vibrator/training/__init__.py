"""Encoders adapted to the people an application has."""

from __future__ import annotations

from vibrator.training.fine_tuning import TunedEncoder, fine_tune_encoder
from vibrator.training.report import Scores, TuningReport, triplet_accuracy
from vibrator.training.triplets import Triplet, hold_out, mine_actions, mine_decisions

__all__ = [
    "Scores",
    "Triplet",
    "TunedEncoder",
    "TuningReport",
    "fine_tune_encoder",
    "hold_out",
    "mine_actions",
    "mine_decisions",
    "triplet_accuracy",
]
