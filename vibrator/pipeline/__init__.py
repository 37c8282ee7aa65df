"""From a person, content and sliders to scores with reasons."""

from vibrator.pipeline.batch import ScoreBatch
from vibrator.pipeline.outputs import Scores, SliderOutput
from vibrator.pipeline.penalties import Penalty
from vibrator.pipeline.ranking import Ranked, Ranking
from vibrator.pipeline.scorer import SliderScorer
from vibrator.pipeline.zero_shot import ZeroShot

__all__ = [
    "Penalty",
    "Ranked",
    "Ranking",
    "ScoreBatch",
    "Scores",
    "SliderOutput",
    "SliderScorer",
    "ZeroShot",
]
