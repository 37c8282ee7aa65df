"""What is refused at the edge is refused by name, rule and value."""

import json
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
import pytest

from vibrator.calibration.platt import PlattCalibrator
from vibrator.checks import require_aware, require_finite
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import kind_of
from vibrator.errors import ArtefactError, BadInput

EAST, WEST = timezone(timedelta(hours=14)), timezone(-timedelta(hours=11))


@pytest.mark.parametrize("number", [2, 2.0, np.int64(2), np.float32(2), Fraction(2)])
def test_every_real_number_is_a_number(number):
    assert require_finite("x", number) == 2.0
    assert type(require_finite("x", number)) is float


@pytest.mark.parametrize("number", [True, np.bool_(True), 1j, "2", None, 10**400])
def test_what_is_no_finite_number_is_refused(number):
    with pytest.raises(BadInput, match="x must be a finite number, got"):
        require_finite("x", number)


def test_a_time_beyond_the_calendar_is_refused():
    assert require_aware("at", datetime.max.replace(tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)
    for moment in (datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST)):
        with pytest.raises(BadInput, match="at must lie in the years 1 to 9999 of UTC"):
            require_aware("at", moment)


@pytest.mark.parametrize("name", ["batch_size", "memory_vectors", "dimensions"])
@pytest.mark.parametrize("value", ["a", 2.5, 0, True])
def test_a_count_is_a_whole_number(name, value):
    with pytest.raises(BadInput, match=f"{name} must be .*, got {value!r}"):
        EncoderConfig(**{name: value})


@pytest.mark.parametrize(
    ("content", "named"),
    [('{"vibrator": "nonsense"}', "got 'nonsense'"), ("[1, 2]", "JSON object"), ("{", "be JSON")],
)
def test_a_model_folder_with_nonsense_in_its_settings_is_refused(tmp_path, content, named):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ArtefactError, match=named):
        kind_of(EncoderConfig(str(tmp_path)))


def test_a_part_of_a_model_folder_with_torn_settings_is_refused(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "0_Transformer").mkdir()
    (tmp_path / "0_Transformer" / "config.json").write_text(json.dumps(["t5"]))
    with pytest.raises(ArtefactError, match="0_Transformer"):
        kind_of(EncoderConfig(str(tmp_path)))


@pytest.mark.parametrize("unit", [1e-300, 1e-170, 1e200])
def test_the_unit_of_the_scores_does_not_change_their_calibration(unit):
    scores, labels = np.linspace(0.0, 1.0, 40), np.arange(40) % 3 > 0
    labels[:12] = False
    plain = PlattCalibrator().fit(scores, labels).transform(scores)
    np.testing.assert_allclose(
        PlattCalibrator().fit(scores * unit, labels).transform(scores * unit), plain, rtol=1e-6
    )


def test_scores_too_close_for_any_slope_are_refused():
    with pytest.raises(BadInput, match="slope must be a finite number"):
        PlattCalibrator().fit(np.arange(20) * 5e-324, np.arange(20) > 9)
