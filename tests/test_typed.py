"""From outside: a strict consumer of the front door type-checks."""

import subprocess
import sys
from pathlib import Path

import pytest

import vibrator

CONSUMER = """
from vibrator import InstructionalEncoder, SliderScorer, UserAction

encoder = InstructionalEncoder("embedded")
scorer = SliderScorer(encoder, {"trails": "long mountain trails"})
scores = scorer.score([UserAction("write", "ran the ridge path")], "a hut to hut traverse")
probability: float = scores["trails"].probability
why: str = scores["trails"].why()
"""


def test_the_package_says_that_it_is_typed():
    assert (Path(vibrator.__file__).parent / "py.typed").exists()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("more", "errors"), [("", 0), ('\nwrong: str = scores["trails"].probability\n', 1)]
)
def test_a_strict_consumer_sees_our_types(tmp_path, more, errors):
    (tmp_path / "consumer.py").write_text(CONSUMER + more, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent",
         "--cache-dir", tmp_path / "cache", "consumer.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if "consumer.py" in line and "error" in line]
    assert len(found) == errors, done.stdout
