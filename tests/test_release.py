"""What goes out with a release, and the checks on it, can fail."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_of_materials_names_what_we_need_with_version_and_licence():
    listed = script("sbom").bill()
    found = {one["name"]: one for one in listed["components"]}
    assert {"numpy", "scipy", "tokenizers"} <= found.keys()
    assert "vibrator" not in found
    for one in found.values():
        assert one["purl"] == f"pkg:pypi/{one['purl'][9:].split('@')[0]}@{one['version']}"
    assert found["numpy"]["version"] == np.__version__
    assert list(script("sbom").strange(listed)) == []


@pytest.mark.parametrize(
    ("words", "count"),
    [("MIT", 0), ("LGPL-3.0-only", 0), ("GPL-3.0", 1), ("unknown", 1), ("AGPL-3.0", 1),
     ("MIT AND GPL-2.0-only", 1), ("GNU General Public License v3 (GPLv3)", 1)],
)  # fmt: skip
def test_a_licence_that_would_bind_our_users_is_refused(words, count):
    line = {"name": "one", "version": "1", "licenses": [{"license": {"name": words}}]}
    assert len(list(script("sbom").strange({"components": [line]}))) == count


@pytest.mark.parametrize(("lines", "branches", "code"), [(92, 85, 0), (91, 99, 1), (99, 84, 1)])
def test_coverage_below_a_bar_fails(tmp_path, monkeypatch, capsys, lines, branches, code):
    totals = {"covered_lines": lines, "num_statements": 100, "covered_branches": branches,
              "num_branches": 100}  # fmt: skip
    files = {"vibrator/thin.py": {"summary": {"missing_lines": 8}}}
    (tmp_path / "coverage.json").write_text(json.dumps({"totals": totals, "files": files}))
    monkeypatch.setattr(sys, "argv", ["coverage_bars.py", str(tmp_path / "coverage.json")])
    with pytest.raises(SystemExit) as ended:
        script("coverage_bars").main()
    assert ended.value.code == code
    assert "8 lines not reached in vibrator/thin.py" in capsys.readouterr().out


def test_work_that_takes_longer_on_our_side_is_slower(monkeypatch):
    paired = script("paired_ratios")
    clocks = {"ours": {"fold": 2.0, "score": 1.0}, "theirs": {"fold": 1.0, "score": 1.0}}
    monkeypatch.setattr(paired, "measure", clocks.__getitem__)
    assert paired.ratios("ours", "theirs", 3) == {"fold": 2.0, "score": 1.0}
