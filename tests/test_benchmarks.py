"""The habit of measuring: what is kept, what is drawn, and that it is the picture that is shown."""

import importlib.util
import io
import json
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
SHOWN = HOUSE / "benchmarks"
FAST = {"figures": {"rate": 3.0}, "bars": {"rate": [3.0, ">=", 2.0]}}
SLOW = {"figures": {"wait": 9.0}, "bars": {"wait <s>": [9.0, "<=", 3.0]}}


def program(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run():
    sys.path.insert(0, str(SHOWN))  # as when it is started by its path
    yield program(SHOWN / "run.py")
    sys.path.remove(str(SHOWN))


@pytest.fixture(scope="module")
def draw():
    return program(HOUSE / "scripts" / "draw_benchmarks.py")


def test_parts_that_were_run_by_hand_are_kept_side_by_side(run, tmp_path, capsys):
    assert run.keep("stores", FAST, tmp_path)
    assert not run.keep("stores", SLOW, tmp_path)
    kept = json.loads((tmp_path / "stores.json").read_text())

    assert kept["figures"] == {"rate": 3.0, "wait": 9.0}
    assert set(kept["bars"]) == {"rate", "wait <s>"}
    assert "-core" in kept["machine"]
    assert "numpy" in kept["machine"]
    assert capsys.readouterr().out.splitlines() == [
        "ok    stores.rate: 3 >= 2",
        "SHORT stores.wait <s>: 9 <= 3",
    ]


def test_the_output_of_a_run_is_read_from_the_pipe(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py", "--keep", "scale", "--results", str(tmp_path)])
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"a table\n{json.dumps(FAST)}\n"))
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert ended.value.code == 0
    assert json.loads((tmp_path / "scale.json").read_text())["bars"] == FAST["bars"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("it broke\n"))
    with pytest.raises(SystemExit, match="no line of JSON"):
        run.main()


def test_a_benchmark_that_is_not_there_is_named(run):
    assert "tradeoff" in run.names([])
    assert "run" not in run.names([])
    assert "report" not in run.names([])
    with pytest.raises(SystemExit, match="no benchmark is called speed"):
        run.names(["speed"])


@pytest.mark.parametrize(
    ("bar", "times"),
    [
        ((3.0, ">=", 2.0), 1.5), ((4.0, "<=", 8.0), 2.0), ((0, "<=", 0), 1.0),
        ((1, "<=", 0), 1 / 16), ((1e9, ">=", 1.0), 16.0), ((0.0, "<=", 0.05), 16.0),
        ((-3.0, "<=", 0.05), 16.0), ((0.1, ">=", 0.0), 1.0), ((-0.1, ">=", 0.0), 1 / 16),
    ],
)  # fmt: skip
def test_room_is_how_many_times_better_than_the_limit(draw, bar, times):
    assert draw.room(*bar) == pytest.approx(times)


def test_the_picture_shows_every_bar_the_machine_and_what_is_short(draw):
    told = {
        "stores": FAST | {"machine": "2-core machine"},
        "serving": SLOW,
        "tradeoff": {
            "figures": {
                "small: titles a second": 5e4, "small: likeness": 0.81,
                "large: titles a second": 90.0, "large: likeness": 0.87,
                "unread: titles a second": 1.0,
            },
            "bars": {},
        },
    }  # fmt: skip
    svg = draw.picture(told)

    assert "Measured on a 2-core machine" in svg
    assert "stores: rate" in svg
    assert "serving: wait &lt;s&gt;" in svg
    assert svg.count(draw.RED) == 1
    assert svg.count("<circle") == 2
    assert "large: 90 a second, 0.870" in svg


def test_the_picture_of_the_readme_is_drawn_from_the_results_beside_it(draw):
    results = draw.read(SHOWN / "results")
    assert results
    assert all(told["machine"] for told in results.values())
    assert draw.picture(results) == (SHOWN / "benchmarks.svg").read_text(encoding="utf-8")
    assert "(benchmarks.svg)" in (SHOWN / "README.md").read_text(encoding="utf-8")
