"""Which calibrators there are, by name."""

from __future__ import annotations

import os
from typing import Any

from vibrator.calibration.beta import BetaCalibrator
from vibrator.calibration.isotonic import IsotonicCalibrator
from vibrator.calibration.platt import PlattCalibrator
from vibrator.calibration.port import Calibrator, check_document, read_document
from vibrator.calibration.temperature import TemperatureCalibrator
from vibrator.calibration.venn_abers import VennAbersCalibrator
from vibrator.errors import ArtefactError

CALIBRATORS: dict[str, type[Calibrator]] = {
    one.kind: one
    for one in (
        TemperatureCalibrator,
        PlattCalibrator,
        BetaCalibrator,
        IsotonicCalibrator,
        VennAbersCalibrator,
    )
}


def load_calibrator(path: str | os.PathLike[str]) -> Calibrator:
    """Read back a calibrator of whatever kind the file says it is."""
    return calibrator_from(read_document(path))


def calibrator_from(document: Any) -> Calibrator:
    """The calibrator that `document()` described, whatever its kind."""
    kind, _ = check_document(document)
    if not isinstance(kind, str) or kind not in CALIBRATORS:
        raise ArtefactError(f"kind must be one of {', '.join(CALIBRATORS)}, got {kind!r}")
    return CALIBRATORS[kind].from_document(document)
