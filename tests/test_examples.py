"""Every example runs from an empty folder, offline, and says something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NEEDS_DATA = {"rees46_quickstart.py"}  # run with a sample of its own in test_replay_cli
NEEDS_EXTRAS = {"batch_scoring.py", "lifetime_value.py", "service_client.py"}
FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if path.name not in NEEDS_DATA)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(e, marks=[pytest.mark.integration] * (e.name in NEEDS_EXTRAS), id=e.name)
        for e in EXAMPLES
    ],
)
def test_an_example_runs(example, tmp_path):
    run = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
