"""Every Python block of the README and the docs runs, page by page, from an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.outputs import blocks

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in (ROOT / "README.md", ROOT / "DATA_INTEGRATION.md", *(ROOT / "docs").glob("**/*.md"))
    if "```python" in page.read_text(encoding="utf-8")
)
NEEDS_EXTRAS = {"ltv.md", "service.md"}  # their pages run in the full environment


def run(pieces, folder, environment):
    """In a process of its own: a page may register what other tests must not see."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(pieces)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=[pytest.mark.integration] * (page.name in NEEDS_EXTRAS),
            id=page.relative_to(ROOT).as_posix(),
        )
        for page in PAGES
    ],
)
def test_the_blocks_of_a_page_run(page, tmp_path):
    run([code for mark, code in blocks(page) if mark != "integration"], tmp_path, {})


@pytest.mark.integration
def test_the_readme_runs_on_instructor_too(tmp_path, tiny_hub):
    pieces = [code for mark, code in blocks(ROOT / "README.md") if mark == "integration"]
    run(["import warnings; warnings.simplefilter('default')", *pieces], tmp_path, tiny_hub)
