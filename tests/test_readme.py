"""What the README shows is what its blocks print, and nothing in it is left open."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.outputs import blocks, same

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
SHOWN = re.compile(r"```\n\n```text\n(.*?)```", re.DOTALL)


def test_the_readme_shows_what_its_blocks_print(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, compared = {"__name__": "page"}, 0
    for mark, code in blocks(README):
        if mark == "integration":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(README), "exec"), names)
        shown = SHOWN.match(TEXT, TEXT.index(code) + len(code))
        if shown:
            compared += 1
            assert same(shown[1], printed.getvalue()), f"{code}\nprinted\n{printed.getvalue()}"
    assert compared == 2


def test_nothing_is_left_open():
    assert "@@" not in TEXT


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)", TEXT))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("fits 57.3%  ████··", "fits 55.0%  ███···", True),
        ("fits 57.3%", "fits 70.0%", False),
        ("score +0.144", "score +0.150", True),
        ("a trail", "a hut", False),
    ],
)
def test_outputs_may_differ_in_their_last_digits_alone(shown, printed, alike):
    assert same(shown, printed) is alike
