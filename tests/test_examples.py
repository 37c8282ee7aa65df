"""Every example runs from an empty folder, offline, and prints what the docs show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.outputs import same

NEEDS_DATA = {"rees46_quickstart.py"}  # run with a sample of its own in test_replay_cli
NEEDS_EXTRAS = {"batch_scoring.py", "lifetime_value.py", "service_client.py"}
SAYS_WHERE = {"batch_scoring.py"}  # paths and checksums, of no use on a page
ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples"
PAGE = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
SHOWN = {
    section.split("\n")[0]: section.split("```text\n")[1].split("```")[0]
    for section in PAGE.split("\n### ")[1:]
    if "```text" in section
}
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
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
    if example.name not in SAYS_WHERE:
        printed = re.sub(r"\S+/(?=\w+\.html)", "…/", run.stdout)
        assert same(SHOWN[example.name], printed), f"printed\n{printed}"


def test_the_page_names_every_example():
    named = re.findall(r"^### (\w+\.py)$", PAGE, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in FOLDER.glob("*.py"))


def files_of(tmp_path, rows):
    actions = tmp_path / "a.csv"
    actions.write_text(f"timestamp,user_id,action_type,content\n{rows}")
    return [str(actions), *(str(FOLDER / "data" / name) for name in ("items.json", "sliders.json"))]


@pytest.mark.parametrize(
    ("rows", "exit_code", "words"),
    [
        (",,click,trail shoes\n", 0, "1 people, 6 items, 4 sliders"),
        ("", 1, "nobody did anything"),
    ],
)
def test_the_walk_takes_files_without_times_or_people(tmp_path, rows, exit_code, words):
    walk = [sys.executable, str(FOLDER / "integrate_your_data.py"), *files_of(tmp_path, rows)]
    run = subprocess.run(walk, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == exit_code
    assert words in run.stdout + run.stderr
    assert "Traceback" not in run.stderr
