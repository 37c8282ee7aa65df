"""DATA_INTEGRATION.md, followed to the letter in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.outputs import same

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "DATA_INTEGRATION.md"
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[\w ]+) -->\n)?```(?P<kind>bash|py|text)\n(?P<code>.*?)^```",
    re.DOTALL | re.MULTILINE,
)


class Step(NamedTuple):
    """A block to run, how it ends, and what the page says it prints."""

    kind: str
    code: str
    exit_code: int
    shown: str | None


def steps():
    found = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    for block, after in zip(found, [*found[1:], None], strict=True):
        mark = block["mark"] or ""
        if block["kind"] != "text" and mark != "install":
            shown = after["code"] if after is not None and after["kind"] == "text" else None
            yield Step(block["kind"], block["code"], int(mark.removeprefix("exits ") or 0), shown)


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A shell in an empty folder that knows `vibrator` and `python`."""
    folder = tmp_path_factory.mktemp("empty")
    bin_folder = tmp_path_factory.mktemp("bin")
    vibrator = bin_folder / "vibrator"
    vibrator.write_text(f'#!/bin/sh\nexec {sys.executable} -m vibrator "$@"\n')
    vibrator.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}

    def run(kind, code):
        typed = [sys.executable, "-"] if kind == "py" else ["bash", "-e", "-o", "pipefail", "-s"]
        return subprocess.run(
            typed, input=code, cwd=folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    return run


@pytest.mark.skipif(shutil.which("bash") is None, reason="the page is typed into bash")
def test_the_page_holds_what_it_says(shell):
    for step in steps():
        done = shell(step.kind, step.code)
        assert done.returncode == step.exit_code, f"{step.code}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        if step.shown is not None:
            printed = done.stdout or done.stderr
            assert same(step.shown, printed), f"{step.code}\nprinted\n{printed}"


def test_the_page_leaves_nothing_open():
    assert "@@" not in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["actions.csv", "items.json", "sliders.json", "chat.json"])
def test_the_examples_bring_their_data(name):
    assert (ROOT / "examples" / "data" / name).stat().st_size > 100
