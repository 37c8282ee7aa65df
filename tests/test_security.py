"""A test for each line of SECURITY.md."""

import ast
import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vibrator.actions import UserAction
from vibrator.datasets import load_actions
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.embedded import FOLDER, EmbeddedModel
from vibrator.errors import ArtefactError, BadInput, VibratorError
from vibrator.personalizer import Personalizer
from vibrator.pipeline import SliderScorer
from vibrator.writing import safe_cell

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "vibrator"
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in HOUSE.rglob("*.py")}
SLIDERS = {"trails": "long mountain trails"}
SQL = "'); DROP TABLE events; --"
HTML = "<script>alert(1)</script>"


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def calls(tree):
    """(what is called, its keywords)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: word.value for word in node.keywords}


def test_the_table_names_tests_that_are_there():
    table = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", table)
    assert len(named) >= 10
    assert set(named) <= set(globals())
    elsewhere = re.findall(r"`(tests/[\w./]+)(?:::(test_\w+))?`", table)
    for path, name in elsewhere:
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name


def test_every_threat_has_a_test():
    table = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(line.split("|")[1]) for line in lines] == list(range(1, len(lines) + 1))
    assert all("`test" in line.split("|")[-2] for line in lines)


def test_no_module_reads_pickle():
    for path, tree in TREES.items():
        found = {name.split(".")[0] for name in imported(tree)}
        assert not found & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}, path
        for name, words in calls(tree):
            assert not name.endswith(("torch.load", "read_pickle", "to_pickle")), path
            allowed = words.get("allow_pickle")
            assert allowed is None or ast.unparse(allowed) == "False", path


def test_yaml_is_read_safely():
    for path, tree in TREES.items():
        loads = [name for name, _ in calls(tree) if re.search(r"yaml\.(load|unsafe|full)", name)]
        assert loads == [], path


def test_no_module_starts_a_shell():
    for path, tree in TREES.items():
        for name, words in calls(tree):
            assert name not in {"os.system", "os.popen", "eval", "exec"}, path
            assert "shell" not in words, path


def test_no_secret_lies_in_the_house():
    looks_like = re.compile(r"(sk-[A-Za-z0-9]{20}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY)")
    for path in TREES:
        assert not looks_like.search(path.read_text(encoding="utf-8")), path


def test_an_altered_model_folder_is_refused(tmp_path):
    for file in FOLDER.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtefactError):
        EmbeddedModel.load(tmp_path)


def test_a_gzip_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    line = b"click," + b"a" * 1_000_000 + b"\n"
    with gzip.open(path, "wb") as file:
        file.write(b"action_type,content\n")
        for _ in range(100):
            file.write(line)
    with pytest.raises(BadInput, match="200 times"):
        sum(1 for _ in load_actions(path))


def test_words_are_never_sql(tmp_path):
    with Personalizer.open(f"sqlite:///{tmp_path}/a.db", sliders=SLIDERS) as app:
        app.add_items({SQL: f"a trail {SQL}"})
        app.observe(SQL, UserAction("click", SQL))
        assert [row.item for row in app.rank(SQL, 3)] == [SQL]
        with pytest.raises(VibratorError):
            app.rank(SQL, 3, filter={SQL: {SQL: 1}})
        assert app.rank(SQL, 3, filter={SQL: SQL}) == []
        assert app.report().actions == 1


def test_a_tenant_sees_its_own_rows_only(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    with Personalizer.open(url, sliders=SLIDERS, tenant="here") as app:
        app.observe("ada", UserAction("click", "ran the ridge"))
        made = app.decide("ada", {"hut": "a hut to hut traverse"})
    with Personalizer.open(url, sliders=SLIDERS, tenant="there") as app:
        assert app.report().actions == 0
        assert app.profile("ada").to_dict()["evidence"] == 0
        with pytest.raises(VibratorError):
            app.outcome(made.decision_id, "done", dwell=60_000.0)


def test_words_are_never_html():
    scorer = SliderScorer(InstructionalEncoder("embedded"), {HTML: "long mountain trails"})
    scores = scorer.score([UserAction("click", HTML)], f"a trail {HTML}")
    assert "<script>" not in scores._repr_html_()


def test_a_cell_is_never_a_formula():
    for start in ("=", "+", "-", "@", "\t", "\r"):
        assert safe_cell(f"{start}1+1").startswith("'")


def test_a_forgotten_person_is_not_in_the_file(tmp_path):
    clock = lambda: datetime(2026, 3, 2, tzinfo=UTC)  # noqa: E731
    with Personalizer.open(f"sqlite:///{tmp_path}/a.db", sliders=SLIDERS, clock=clock) as app:
        app.observe("ada-the-one", [UserAction("click", f"zebra-striped {n}") for n in range(40)])
        app.refresh(["ada-the-one"])
        app.decide("ada-the-one", {"hut": "a hut to hut traverse"})
        app.forget("ada-the-one")
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"zebra-striped" not in left
    assert b"ada-the-one" not in left


def test_errors_quote_little():
    rows = [{"action_type": "click", "content": "x", "weight": "secret " * 500}]
    with pytest.raises(BadInput) as caught:
        list(load_actions(rows))
    assert len(str(caught.value)) < 500
