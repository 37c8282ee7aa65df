"""Whether the tests reach enough of the house: lines, branches, and the files that are thin.

python scripts/coverage_bars.py coverage.json       what `make coverage` ends with
"""

import json
import sys
from pathlib import Path

BARS = {"lines": 92.0, "branches": 85.0}
THIN = 15  # files named


def shares(totals):
    """Percent of lines and of branches that were reached."""
    lines = totals["covered_lines"] / max(totals["num_statements"], 1)
    branches = totals["covered_branches"] / max(totals["num_branches"], 1)
    return {"lines": 100 * lines, "branches": 100 * branches}


def thinnest(files):
    """Files by how many lines nothing reached."""
    missed = {name: about["summary"]["missing_lines"] for name, about in files.items()}
    return sorted(((count, name) for name, count in missed.items() if count), reverse=True)[:THIN]


def main():
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for count, name in thinnest(report["files"]):
        print(f"{count:5d} lines not reached in {name}")
    found = shares(report["totals"])
    for name, bar in BARS.items():
        print(f"{'ok   ' if found[name] >= bar else 'SHORT'} {name}: {found[name]:.1f} >= {bar:g}")
    sys.exit(any(found[name] < bar for name, bar in BARS.items()))


if __name__ == "__main__":
    main()
