"""Run every benchmark here, keep what each prints last, and say which bars hold.

python benchmarks/run.py [name …]
"""

import json
import subprocess
import sys
from pathlib import Path

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


def run(name):
    command = [sys.executable, str(HERE / f"{name}.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    result = closing_line(done.stdout)
    if done.returncode or result is None:
        print(f"{name}: failed with exit code {done.returncode}")
        return False
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for bar, (value, sign, limit) in result["bars"].items():
        mark = "ok   " if holds(value, sign, limit) else "SHORT"
        print(f"{mark} {name}.{bar}: {value:.6g} {sign} {limit:g}", flush=True)
    return all(holds(*bar) for bar in result["bars"].values())


def main():
    RESULTS.mkdir(exist_ok=True)
    outcomes = [run(name) for name in names(sys.argv[1:])]
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
