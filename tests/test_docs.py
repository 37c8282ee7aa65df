"""Every Python block of the README and the docs runs, page by page, from an empty folder."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in (ROOT / "README.md", ROOT / "DATA_INTEGRATION.md", *(ROOT / "docs").glob("**/*.md"))
    if "```python" in page.read_text(encoding="utf-8")
)
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[\w-]+) -->\n)?```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)


def blocks(page):
    return [
        (match["mark"], match["code"]) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for mark, code in blocks(page):
        if mark != "integration":
            exec(compile(code, str(page), "exec"), names)
