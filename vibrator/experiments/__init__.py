"""Experiments: try, measure, learn, challenge."""

from vibrator.experiments.adapters import (
    Counting,
    DecisionLogAdapter,
    DomainAdapter,
    Exposing,
    MeasuredAdapter,
    ShortVideoAdapter,
    decision_frame,
    first_variant_of_each,
    measured_in,
)
from vibrator.experiments.analysis import Rules, analyze
from vibrator.experiments.assignment import Allocation, Holdout, Slice
from vibrator.experiments.config import AdaptiveConfig
from vibrator.experiments.design import Experiment, ExperimentState, Metric, Variant
from vibrator.experiments.estimators import Columns
from vibrator.experiments.hypothesis import HypothesisEngine
from vibrator.experiments.interchange import export_jsonl, import_json, import_jsonl
from vibrator.experiments.ledger import Ledger, Record
from vibrator.experiments.loop import Loop, Plan
from vibrator.experiments.patterns import AnalysisResult, Analyzer
from vibrator.experiments.program import program
from vibrator.experiments.verdict import Finding, Verdict

__all__ = [
    "AdaptiveConfig",
    "Allocation",
    "AnalysisResult",
    "Analyzer",
    "Columns",
    "Counting",
    "DecisionLogAdapter",
    "DomainAdapter",
    "Experiment",
    "ExperimentState",
    "Exposing",
    "Finding",
    "Holdout",
    "HypothesisEngine",
    "Ledger",
    "Loop",
    "MeasuredAdapter",
    "Metric",
    "Plan",
    "Record",
    "Rules",
    "ShortVideoAdapter",
    "Slice",
    "Variant",
    "Verdict",
    "analyze",
    "decision_frame",
    "export_jsonl",
    "first_variant_of_each",
    "import_json",
    "import_jsonl",
    "measured_in",
    "program",
]
