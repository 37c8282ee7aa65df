"""The documentation site: built with warnings as errors, whole, and without a network."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vibrator

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.integration


def build(root, target):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", target],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    done = build(ROOT, target)
    assert done.returncode == 0, done.stderr
    return target


def test_every_public_name_is_there(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    for name in vibrator.__all__:
        assert f"<code>vibrator.{name}</code>" in page
    assert "<code>vibrator.calibration.DriftMonitor</code>" in page
    assert " object at 0x" not in page


def test_no_public_name_is_without_words(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    bare = re.findall(
        r'<h3 id="[^"]+"><code>([^<]+)</code>(?:(?!<h[23]|<p>).)*(?=<h[23])', page, re.S
    )
    assert not bare


def test_every_page_is_in_the_search(site):
    found = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    pages = {entry["location"].split("#")[0] for entry in found["docs"]}
    assert {path.name for path in site.glob("*.html")} - {"404.html", "index.html"} <= pages


def test_no_page_loads_anything_from_elsewhere(site):
    loaded = (
        r"<(?:script|img|iframe)[^>]+src=\"https?:|<link[^>]+rel=\"stylesheet\"[^>]+href=\"https?:"
    )
    strays = [
        path.name for path in site.glob("*.html") if re.search(loaded, path.read_text("utf-8"))
    ]
    assert strays == []


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path):
    for name in ("docs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for path in ROOT.glob("*.md"):
        shutil.copy(path, tmp_path)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs" / "index.md"
    page.write_text(page.read_text("utf-8") + "\n[gone](gone.md)\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "gone.md" in done.stderr
