"""The facade most applications use: observe, score, rank, decide, outcome, report, forget."""

from vibrator.personalizer.asynchronous import AsyncPersonalizer
from vibrator.personalizer.deciding import BestFit
from vibrator.personalizer.facade import Personalizer
from vibrator.personalizer.forgetting import Receipt
from vibrator.personalizer.intending import IntentReader, SliderIntent
from vibrator.personalizer.portraits import Portrait, Report

__all__ = [
    "AsyncPersonalizer",
    "BestFit",
    "IntentReader",
    "Personalizer",
    "Portrait",
    "Receipt",
    "Report",
    "SliderIntent",
]
