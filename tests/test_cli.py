"""The command line as such: help, order, documentation, exit codes, what goes to which stream."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.interpreters import uncovered
from vibrator.cli import PANELS, build
from vibrator.cli._output import Format, note, progress, show
from vibrator.errors import BadInput
from vibrator.writing import write_text

ROOT = Path(__file__).parents[1]
HEAVY = {"numpy", "pandas", "scipy", "sklearn", "torch", "tokenizers", "sqlite3", "httpx"}
SLIDERS = {"sliders": {"depth": "detailed technical documentation", "trails": "mountain trails"}}
ACTIONS = """timestamp,user_id,action_type,content
2026-03-02T08:00:00Z,ada,write,how does the scheduler pick a node?
2026-03-02T07:00:00Z,chioma,share,three days on the ridge path
"""


def leaves():
    """Every command that does something, with the words that it is called by."""
    root = typer.main.get_command(build())

    def walk(command, words):
        inner = getattr(command, "commands", {})
        if not inner or getattr(command, "invoke_without_command", False):
            yield " ".join(words), command
        for name, one in inner.items():
            yield from walk(one, [*words, name])

    return dict(walk(root, ["vibrator"]))


COMMANDS = leaves()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sliders.json").write_text(json.dumps(SLIDERS))
    (tmp_path / "actions.csv").write_text(ACTIONS)
    (tmp_path / "items.txt").write_text("a reference manual\na trail from hut to hut\n")
    return tmp_path


def run(folder, *typed, **more):
    return subprocess.run(
        [sys.executable, "-m", "vibrator", *typed],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200", "HF_HUB_OFFLINE": "1"},
        **more,
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_says_what_it_does_with_an_example(words):
    help_text = " ".join((COMMANDS[words].help or "").split())
    assert len(help_text.split()) > 5
    assert re.search(rf"Example: {words}\b|`{words}\b", help_text), help_text


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_documented(words):
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.search(rf"`{words}[ `]", page), f"{words} is missing in docs/cli.md"


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_is(words):
    silent = [p.name for p in COMMANDS[words].params if not getattr(p, "help", None)]
    assert silent in ([], ["help"])


def test_commands_come_in_the_order_of_the_loop(folder):
    shown = run(folder, "--help").stdout
    places = [shown.find(f"─ {panel} ─") for panel in PANELS]
    assert -1 not in places
    assert places == sorted(places)


def test_import_is_a_command_whatever_its_file_is_called():
    assert "vibrator import" in COMMANDS


def test_the_command_line_itself_is_light(folder):
    code = "import sys; from vibrator.cli import build; build(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder,
        env=uncovered(),
    )  # fmt: skip
    assert not set(done.stdout.split()) & HEAVY


def test_a_note_takes_brackets_as_they_are(capsys):
    note("left out: [red]a[/red] and [/nonsense]")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "left out: [red]a[/red] and [/nonsense]\n"


def test_rows_are_one_json_list(capsys):
    show(({"n": n, "what": "é[b]"} for n in range(3)), Format.json)
    assert json.loads(capsys.readouterr().out) == [{"n": n, "what": "é[b]"} for n in range(3)]
    show([], Format.json)
    assert json.loads(capsys.readouterr().out) == []


def test_csv_is_safe_to_open_in_a_spreadsheet(capsys):
    show([{"what": "=1+1", "n": -1.5}], Format.csv)
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == [
        {"what": "'=1+1", "n": "-1.5"}
    ]


def test_a_table_keeps_brackets(capsys):
    show([{"what": "[bold]plain[/bold]", "none": None}], Format.table)
    assert "[bold]plain[/bold]" in capsys.readouterr().out


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "page.html").write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "page.html", "half \ud800")
    assert (tmp_path / "page.html").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_file_in_no_folder_is_refused_by_its_own_name(tmp_path):
    with pytest.raises(BadInput, match=r"out/page.html must lie in a folder that is there"):
        write_text(tmp_path / "out" / "page.html", "words")


def test_an_answer_without_rows_is_still_json(capsys):
    show([], Format.json)
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_no_number_is_null_in_json(capsys):
    show([{"mean": float("nan"), "n": 2}], Format.json)
    assert json.loads(capsys.readouterr().out) == [{"mean": None, "n": 2}]


def test_rows_come_as_they_are_made(capsys):
    def rows():
        yield {"n": 1}
        assert capsys.readouterr().out == '[{"n": 1}'
        yield {"n": 2}

    show(rows(), Format.json)
    assert capsys.readouterr().out == ',\n {"n": 2}]\n'


def test_progress_gives_the_rows_and_leaves_stdout_alone(capsys):
    assert list(progress(iter("abc"), "reading", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().out == ""


SCORE = ("score", "actions.csv", "items.txt", "-s", "sliders.json", "--at", "newest")


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ((*SCORE, "--user", "nobody"), 2, "nobody did anything as 'nobody'"),
        (("score", "absent.csv", "items.txt", "-s", "sliders.json"), 2, "absent.csv"),
        ((*SCORE, "--context", "{"), 2, "context must be a JSON object"),
        ((*SCORE[:-1], "yesterday"), 2, "at must look like"),
        ((*SCORE, "--column", "content"), 2, "column must look like name=text"),
        ((*SCORE, "--format", "xml"), 2, "Invalid value"),
        ((*SCORE, "--encoder", "no-such/model"), 3, "no-such/model"),
        (("sliders", "map", "sliders.json", "--output", "absent/map.svg"), 2, "absent"),
        (("store", "report", "sqlite:////no/such/folder/app.db"), 2, "there is no store at"),
        (("decide", "sqlite:///app.db", "ada", "a=b", "--context", "[]"), 2, "JSON object"),
        (("observe", "sqlite:///app.db", "ada", "x", "--at", "soon", "--slider", "a=b"), 2, "at"),
        (("rank", "actions.csv"), 2, "Missing argument"),
        (("sliders", "map", "sliders.json", "--output", "."), 2, ". must be a file, got a folder"),
        (("import", "sqlite:///app.db", "--actions", "actions.csv"), 2, "--slider NAME=TEXT (or"),
        (("evaluate", "--dataset", "mind", "--timezone", "refuse"), 2, "asked of --data only"),
    ],
)
def test_a_mistake_is_a_line_and_an_exit_code(folder, typed, code, said):
    done = run(folder, *typed)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_all_broken_rows_are_named_at_once(folder):
    (folder / "actions.csv").write_text(ACTIONS + "soon,ada,click,x\n,ada,,y\n")
    done = run(folder, *SCORE)
    assert done.returncode == 2
    assert "actions.csv, line 4, timestamp" in done.stderr
    assert "actions.csv, line 5, action_type" in done.stderr
    assert "--skip-bad-rows goes on without them" in done.stderr


@pytest.mark.parametrize("typed", [SCORE, ("sliders", "lint", "sliders.json")])
def test_a_bad_slider_is_not_to_be_skipped(folder, typed):
    (folder / "sliders.json").write_text('{"sliders": {"depth": "manuals", "trails": " "}}')
    done = run(folder, *typed)
    assert (done.returncode, done.stdout) == (2, "")
    assert "sliders broke rules\n  sliders.json, line 2, text: must be a text" in done.stderr
    assert "skip" not in done.stderr


@pytest.mark.parametrize("name", ["score", "rank", "import", "encode", "evaluate"])
def test_a_command_that_reads_actions_asks_how(name):
    asked = {parameter.name for parameter in COMMANDS[f"vibrator {name}"].params}
    assert {"column", "delimiter", "timezone", "skip_bad_rows"} <= asked


def test_vectors_are_made_of_a_file_with_other_columns(folder):
    (folder / "log.csv").write_text("verb;words\nclick;a tent\n;a broken row\n")
    columns = ("--column", "action_type=verb", "--column", "content=words", "--delimiter", ";")
    typed = ("encode", "log.csv", "--role", "action", *columns, "--format", "json")
    refused = run(folder, *typed)
    assert (refused.returncode, refused.stdout) == (2, "")
    (row,) = json.loads(run(folder, *typed, "--skip-bad-rows").stdout)
    assert row["texts"] == 1


def test_a_moment_before_everything_is_pointed_out(folder):
    done = run(folder, *SCORE[:-1], "2020-01-01T00:00:00Z")
    assert done.returncode == 0
    assert "nobody had done anything by 2020-01-01" in done.stderr


def test_a_stdout_that_was_closed_is_no_traceback(folder):
    typed = [sys.executable, "-m", "vibrator", *SCORE, "--format", "json"]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *typed],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr


def test_json_stands_alone_on_stdout(folder):
    with (folder / "actions.csv").open("a") as file:
        file.write("2026-03-02 06:00:00,ada,click,a naive time\nsoon,ada,click,x\n")
    done = run(folder, *SCORE, "--format", "json", "--skip-bad-rows")
    rows = json.loads(done.stdout)
    assert len(rows) == 2 * 2 * 2
    assert "1 refused, 1 times without a timezone" in done.stderr
    assert max(rows, key=lambda row: row["probability"])["slider"] in SLIDERS["sliders"]


def test_a_reader_that_went_away_is_no_traceback(folder):
    (folder / "items.txt").write_text("\n".join(f"trail number {n}" for n in range(400)))
    typed = [sys.executable, "-m", "vibrator", *SCORE, "--format", "csv"]
    with subprocess.Popen(
        typed, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == ""


def test_an_interrupt_leaves_nothing_half_written(folder, monkeypatch):
    def stop(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("numpy.savez", stop)
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    done = CliRunner().invoke(build(), ["encode", "items.txt", "-o", "vectors.npz"])
    assert done.exit_code == 130
    assert set(folder.iterdir()) == before


def test_an_interrupted_sample_may_be_asked_for_again(folder, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vibrator.cli.sample.write_text", stop)
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(build(), ["sample", "there"])
    assert done.exit_code == 130
    assert list((folder / "there").iterdir()) == []


LISTENING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from vibrator.cli import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_control_c_ends_an_import_that_can_be_gone_on_with(folder):
    lines = "".join(f"2026-03-02T08:00:00Z,ada,click,trail number {n}\n" for n in range(20_000))
    (folder / "big.csv").write_text(ACTIONS + lines)
    kept = ("import", "sqlite:///app.db", "--sliders", "sliders.json", "--actions")
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING, *kept, "big.csv"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while process.poll() is None and not (folder / "app.db").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    again = json.loads(run(folder, *kept, "actions.csv", "--format", "json").stdout)
    assert [row["read"] for row in again] == [2, 2]
