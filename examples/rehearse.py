"""Rehearse three policies on the standard world and write the report as a page.

python examples/rehearse.py [rehearsal.html]
"""

import sys
from pathlib import Path

from vibrator.simulate import Plan, differences, policy_rows, rehearse, report_page


def main(target):
    plan = Plan(("random", "epsilon-greedy", "linucb"), events=1000, seeds=5)
    runs = rehearse(plan, progress=lambda done, seeds: print(f"seed {done} of {seeds}"))
    for row in policy_rows(runs):
        print(row)
    for row in differences(runs, "random"):
        print(row)
    target.write_text(report_page(runs), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "rehearsal.html"))
