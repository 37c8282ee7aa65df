"""From scores to probabilities one may bet on."""

from vibrator.calibration.beta import BetaCalibrator
from vibrator.calibration.isotonic import IsotonicCalibrator
from vibrator.calibration.kinds import CALIBRATORS, calibrator_from, load_calibrator
from vibrator.calibration.platt import PlattCalibrator
from vibrator.calibration.port import Calibrator
from vibrator.calibration.temperature import TemperatureCalibrator
from vibrator.calibration.venn_abers import VennAbersCalibrator

__all__ = [
    "CALIBRATORS",
    "BetaCalibrator",
    "Calibrator",
    "IsotonicCalibrator",
    "PlattCalibrator",
    "TemperatureCalibrator",
    "VennAbersCalibrator",
    "calibrator_from",
    "load_calibrator",
]
