"""The front door: every name opens, nothing heavy comes in with the door itself."""

import subprocess
import sys

import pytest

import vibrator
from tests.interpreters import uncovered

HEAVY = {
    "torch",
    "pandas",
    "sklearn",
    "scipy",
    "sentence_transformers",
    "lightgbm",
    "sqlite3",
    "rich",
}


@pytest.mark.parametrize("name", vibrator.__all__)
def test_every_name_opens(name):
    assert getattr(vibrator, name) is not None


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'charm'"):
        _ = vibrator.charm


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=uncovered()
    ).stdout


def test_a_score_brings_in_no_heavy_package():
    loaded = run(
        "import sys, vibrator\n"
        "encoder = vibrator.InstructionalEncoder('embedded')\n"
        "scorer = vibrator.SliderScorer(encoder, {'a': 'trails'})\n"
        "scorer.score([vibrator.UserAction('click', 'a ridge')], 'a hut')\n"
        "print(*sys.modules)"
    )
    assert set(loaded.split()) & HEAVY == set()
