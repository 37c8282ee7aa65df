"""Do the tests notice? Small faults are planted in the code, one at a time, and the tests run.

python benchmarks/mutation.py [--only decay profile …] [--sample 25] [--seed 0] [--all]

A fault is a swapped comparison, operator or truth value, a moved number, an altered word, a turned
condition, a `return` of nothing. Left alone are annotations, decorators, docstrings, the words of
errors, and `strict=True` of a zip, whose fault only shows where another fault is. Each room is
sampled at random under the seed; its score comes with a 95 % Wilson interval. A fault runs the
tests of its room that reach its line, quick ones first, up to the first that fails; one on no
tested line lives.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import coverage
import pytest
from report import close

from vibrator.stats.intervals import wilson

ROOT = Path(__file__).parents[1]
COPIED = ("vibrator", "tests", "fixtures", "configs", "conftest.py", "pyproject.toml", "docs")
SECONDS = 120  # of a processor, before a fault that does not end counts as noticed
SECONDS_OF_TESTS = "seconds.json"
BAR = 0.8


class Room(NamedTuple):
    """Files, and the tests that answer for them."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "decay": Room(("vibrator/decay.py",), ("tests/test_decay.py", "tests/test_profile.py")),
    "profile": Room(("vibrator/profile.py",), ("tests/test_profile.py", "tests/test_scale.py")),
    "pipeline": Room(
        ("vibrator/pipeline",),
        ("tests/test_pipeline*.py", "tests/test_penalties.py", "tests/test_learning*.py"),
    ),
    "calibration": Room(("vibrator/calibration",), ("tests/test_calibration*.py",)),
    "stats": Room(("vibrator/stats",), ("tests/test_stats*.py",)),
    "guards": Room(("vibrator/intent/guards.py",), ("tests/test_guards.py",)),
}


class Fault(NamedTuple):
    """One node of a file, and what stands in its place."""

    path: str
    tree: ast.Module
    spot: tuple[ast.AST, str, int | None, ast.expr | ast.stmt]  # holder, field, place, node
    altered: ast.AST

    @property
    def line(self):
        """Where it stands."""
        return self.spot[-1].lineno

    @property
    def statement(self):
        """The first line of the statement that the node is in: the one that coverage counts."""
        around = [n for n in ast.walk(self.tree) if isinstance(n, ast.stmt)]
        return max(n.lineno for n in around if n.lineno <= self.line <= n.end_lineno)

    def source(self):
        """The file with the fault."""
        *where, right = self.spot
        put(*where, ast.copy_location(self.altered, right))
        text = ast.unparse(ast.fix_missing_locations(copy.deepcopy(self.tree)))
        put(*where, right)
        return text

    def __str__(self):
        return f"{self.path}:{self.line}: {short(self.spot[-1])} -> {short(self.altered)}"


COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def turned(node):
    """A condition and its contrary."""
    return ast.UnaryOp(ast.Not(), node)


def compared(node):
    if len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        yield ast.Compare(node.left, [COMPARED[type(node.ops[0])]()], node.comparators)


def counted(node):
    if type(node.op) in COUNTED:
        yield ast.BinOp(node.left, COUNTED[type(node.op)](), node.right)


def added(node):
    if type(node.op) in COUNTED:
        yield ast.AugAssign(node.target, COUNTED[type(node.op)](), node.value)


def joined(node):
    yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)


def signed(node):
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand


def constant(node):
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
    elif isinstance(node.value, str):
        yield ast.Constant(f"XX{node.value}")


def asked(node):
    yield type(node)(turned(node.test), node.body, node.orelse)


def returned(node):
    if node.value is not None and not (
        isinstance(node.value, ast.Constant) and node.value.value is None
    ):
        yield ast.Return(ast.Constant(None))


def left(_node):
    yield ast.Break()


def went_on(_node):
    yield ast.Continue()


OPERATORS = {
    ast.Compare: compared, ast.BinOp: counted, ast.AugAssign: added, ast.BoolOp: joined,
    ast.UnaryOp: signed, ast.Constant: constant, ast.If: asked, ast.IfExp: asked,
    ast.While: asked, ast.Return: returned, ast.Continue: left, ast.Break: went_on,
}  # fmt: skip
UNTOUCHED = ("annotation", "returns", "decorator_list")


def spots(node):
    """Every node that may be altered, with its holder and place."""
    for name, value in ast.iter_fields(node):
        if name in UNTOUCHED or (isinstance(node, ast.keyword) and node.arg == "strict"):
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or silent(child):
                continue
            yield node, name, place, child
            yield from spots(child)


def silent(node):
    """Docstrings, words of errors, and what only a type checker reads."""
    words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return (
        words or typing or isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom))
    )


def put(parent, name, place, node):
    if place is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[place] = node


def faults(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for spot in list(spots(tree)):
        for altered in OPERATORS.get(type(spot[-1]), lambda _: ())(spot[-1]):
            yield Fault(path, tree, spot, altered)


def short(node):
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split("\n")[0][:70]


def files_of(room):
    for name in room.files:
        path = ROOT / name
        yield from sorted(path.glob("*.py")) if path.is_dir() else [path]


def tests_of(room):
    for pattern in room.tests:
        yield from sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
    yield from (str(path.relative_to(ROOT)) for path in files_of(room) if ">>>" in path.read_text())


def forked(work, *, seconds=None):
    """The exit status of some work in a process of its own."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            if seconds:
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1) if seconds else None
            os.dup2(nothing, 2) if seconds else None
            os._exit(int(work()))
        os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Clock:
    """A plugin of pytest's that writes down how long every test took."""

    def __init__(self):
        self.seconds = {}

    def pytest_runtest_logreport(self, report):
        """What each of its three phases took."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self):
        """For the process that started this one."""
        Path(SECONDS_OF_TESTS).write_text(json.dumps(self.seconds), encoding="utf-8")


def pytest_run(*arguments, plugins=()):
    # A copy stands in the place of what this program has read of the house.
    houses = str(Path.cwd()), str(ROOT)
    for name, module in list(sys.modules.items()):
        if name != "__main__" and (getattr(module, "__file__", None) or "").startswith(houses):
            del sys.modules[name]
    sys.path[:] = [str(Path.cwd()), *(path for path in sys.path if path != str(ROOT))]
    os.environ["PYTHONPATH"] = str(Path.cwd())
    return pytest.main(
        ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0", *arguments], plugins
    )


def reached(tests, names):
    """By file and line, the tests that come there, quick ones first."""
    watched = ("--cov=vibrator", "--cov-context=test", "--cov-report=")
    status = forked(lambda: pytest_run(*watched, *tests, plugins=[Clock()]))
    if status:
        sys.exit(f"the tests fail without any fault: {' '.join(tests)} (exit code {status})")
    data = coverage.CoverageData(".coverage")
    data.read()
    seconds = json.loads(Path(SECONDS_OF_TESTS).read_text(encoding="utf-8"))
    by_time = lambda test: (seconds.get(test, 0.0), test)  # noqa: E731
    lines = {}
    for name in names:
        found = data.contexts_by_lineno(str(Path.cwd() / name))
        lines[name] = {
            line: sorted(tests_in(contexts, seconds), key=by_time)
            for line, contexts in found.items()
        }
    return lines


def tests_in(contexts, every):
    """Their tests: all for an import, and for what a fixture reached all those of its file."""
    if "" in contexts:
        return set(every)
    found = {context.rpartition("|")[0] for context in contexts}
    shared = {context.partition("::")[0] for context in contexts if context.endswith("|setup")}
    return found | {test for test in every if test.partition("::")[0] in shared}


def noticed(fault, lines, tests):
    """Whether any test fails on it."""
    reached = lines[fault.path]
    who = reached.get(fault.line) or reached.get(fault.statement)
    if not who:
        return False
    target = Path(fault.path)
    right = target.read_text(encoding="utf-8")
    target.write_text(fault.source(), encoding="utf-8")
    try:
        status = forked(lambda: pytest_run(*who), seconds=SECONDS)
        if status == pytest.ExitCode.USAGE_ERROR:  # the fault gave a test another name
            status = forked(lambda: pytest_run(*tests), seconds=SECONDS)
        return status != 0
    finally:
        target.write_text(right, encoding="utf-8")


def measured(name, wanted):
    room, tests = ROOMS[name], list(tests_of(ROOMS[name]))
    names = [str(path.relative_to(ROOT)) for path in files_of(room)]
    every = [fault for name in names for fault in faults(name)]
    chosen = every if wanted.all else random.Random(wanted.seed).sample(
        every, min(wanted.sample, len(every))
    )  # fmt: skip
    pytest_run("--collect-only", *tests)  # reads what others wrote once, for all the forks
    lines = reached(tests, names)
    started, dead = time.time(), 0
    for number, fault in enumerate(chosen, 1):
        killed = noticed(fault, lines, tests)
        dead += killed
        if not killed:
            print("LIVES", fault, file=sys.stderr, flush=True)
        if number % 10 == 0:
            print(f"{name}: {dead} of {number}, {time.time() - started:.0f} s", file=sys.stderr)
    return dead, len(chosen), len(every)


def copy_folder(source, target):
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="not needed: the data is the code")
    parser.add_argument("--only", nargs="*", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--sample", type=int, default=25, help="faults of each room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="every fault there is: hours")
    wanted = parser.parse_args()
    os.nice(10)
    figures, bars = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            copied = copy_folder if (ROOT / name).is_dir() else shutil.copy
            copied(ROOT / name, Path(folder) / name)
        sys.dont_write_bytecode = True  # two faults of one second would share a stale file
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.chdir(folder)
        for name in wanted.only:
            dead, count, every = measured(name, wanted)
            within = wilson(dead, count)
            figures[f"{name}: faults there are"] = every
            figures[f"{name}: sampled"] = count
            figures[f"{name}: 95 % interval"] = f"{within.low:.3f} to {within.high:.3f}"
            bars[f"mutation score of {name}"] = [dead / count, ">=", BAR]
    close(figures, bars)


if __name__ == "__main__":
    main()
