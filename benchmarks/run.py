"""Run every benchmark here, keep what each prints last, and say which bars hold.

python benchmarks/run.py [name …]                    all, or these; JSON into bench-results/
python benchmarks/scale.py --only scoring | python benchmarks/run.py --keep scale
                                                     a part that was run by hand, kept with the rest
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from report import machine

HERE = Path(__file__).parent
RESULTS = HERE.parent / "bench-results"


def names(wanted):
    programs = [p for p in HERE.glob("*.py") if "__main__" in p.read_text(encoding="utf-8")]
    found = sorted(path.stem for path in programs if path.stem != "run")
    stray = sorted(set(wanted) - set(found))
    if stray:
        sys.exit(f"no benchmark is called {', '.join(stray)}; there are {', '.join(found)}")
    return wanted or found


def closing_line(output):
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def holds(value, sign, limit):
    return value <= limit if sign == "<=" else value >= limit


def keep(name, result, folder):
    """Put what was measured beside what was kept of other parts, with where it was measured."""
    path = folder / f"{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    told = {part: known.get(part, {}) | result[part] for part in ("figures", "bars")}
    path.write_text(json.dumps(told | {"machine": machine()}, indent=1) + "\n", encoding="utf-8")
    for bar, (value, sign, limit) in result["bars"].items():
        mark = "ok   " if holds(value, sign, limit) else "SHORT"
        print(f"{mark} {name}.{bar}: {value:.6g} {sign} {limit:g}", flush=True)
    return all(holds(*bar) for bar in result["bars"].values())


def run(name, folder):
    command = [sys.executable, str(HERE / f"{name}.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    result = closing_line(done.stdout)
    if done.returncode or result is None:
        print(f"{name}: failed with exit code {done.returncode}")
        return False
    (folder / f"{name}.json").unlink(missing_ok=True)  # a whole run replaces its parts
    return keep(name, result, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="these alone")
    parser.add_argument("--keep", metavar="name", help="read a run's output from standard input")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the JSON")
    wanted = parser.parse_args()
    if wanted.keep:
        (name,) = names([wanted.keep])
        result = closing_line(sys.stdin.read())
        if result is None:
            sys.exit(f"{name}: the output has no line of JSON")
        sys.exit(0 if keep(name, result, wanted.results) else 1)
    outcomes = [run(name, wanted.results) for name in names(wanted.names)]
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
