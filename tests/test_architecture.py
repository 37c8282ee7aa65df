"""Imports point down, and never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "vibrator"
FLOORS = (  # top to bottom; within a floor a name may use only those listed before it
    ("cli",),
    ("service", "testing"),
    ("simulate", "scale", "demo"),
    ("personalizer",),
    ("ltv", "experiments", "evaluation", "training"),
    ("intent",),
    ("slider_lint", "slider_map", "pipeline"),
    ("stores", "bandits", "datasets", "synthetic"),
    ("encoders", "encoder", "calibration", "profile", "chat"),
    ("actions", "sliders", "decisions", "rewards", "weights"),
    ("errors", "optional", "checks", "writing", "decay", "vectors", "stats", "charts", "http"),
)
STEP = {name: (-floor, place) for floor, row in enumerate(FLOORS) for place, name in enumerate(row)}


def name_of(path):
    return ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.split(".")[0] == "vibrator"}


MODULES = {name_of(path): path for path in HOUSE.rglob("*.py")}
GRAPH = {name: imports(path) & MODULES.keys() for name, path in MODULES.items()}
INSIDE = sorted(GRAPH.keys() - {"vibrator", "vibrator.__main__"})


@pytest.mark.parametrize("module", INSIDE)
def test_nothing_imports_upward(module):
    here = module.split(".")[1]
    used = {name.split(".")[1] for name in GRAPH[module] if name != "vibrator"} - {here}

    assert here in STEP, f"{here} stands on no floor"
    assert [other for other in sorted(used) if STEP[other] >= STEP[here]] == []


def test_inside_the_house_nobody_uses_the_front_door():
    def names_from_front(path):
        return {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "vibrator"
            for alias in node.names
        }

    guests = {name: names_from_front(MODULES[name]) - {"__version__"} for name in INSIDE}
    assert {name: names for name, names in guests.items() if names} == {}


def test_no_circles():
    parts = {
        name: {used for used in uses if not name.startswith(f"{used}.") and used != "vibrator"}
        for name, uses in GRAPH.items()
        if name != "vibrator"
    }
    TopologicalSorter(parts).prepare()
