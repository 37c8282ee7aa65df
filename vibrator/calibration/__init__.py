"""From scores to probabilities one may bet on."""

from vibrator.calibration.beta import BetaCalibrator
from vibrator.calibration.drift import DriftMonitor, DriftReport, DriftRow
from vibrator.calibration.isotonic import IsotonicCalibrator
from vibrator.calibration.kinds import CALIBRATORS, calibrator_from, load_calibrator
from vibrator.calibration.measures import (
    BrierParts,
    calculate_brier_score,
    calculate_ece,
    calculate_log_loss,
    decompose_brier_score,
)
from vibrator.calibration.platt import PlattCalibrator
from vibrator.calibration.port import Calibrator
from vibrator.calibration.reliability import ReliabilityCurve
from vibrator.calibration.smooth import SmoothEce, calculate_smooth_ece, smooth_ece_interval
from vibrator.calibration.temperature import TemperatureCalibrator
from vibrator.calibration.venn_abers import VennAbersCalibrator

__all__ = [
    "CALIBRATORS",
    "BetaCalibrator",
    "BrierParts",
    "Calibrator",
    "DriftMonitor",
    "DriftReport",
    "DriftRow",
    "IsotonicCalibrator",
    "PlattCalibrator",
    "ReliabilityCurve",
    "SmoothEce",
    "TemperatureCalibrator",
    "VennAbersCalibrator",
    "calculate_brier_score",
    "calculate_ece",
    "calculate_log_loss",
    "calculate_smooth_ece",
    "calibrator_from",
    "decompose_brier_score",
    "load_calibrator",
    "smooth_ece_interval",
]
