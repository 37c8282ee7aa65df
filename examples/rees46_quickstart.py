"""From REES46 month files to a governed decision, in one sitting.

    python examples/rees46_quickstart.py FOLDER

FOLDER holds month files such as 2019-Oct.csv (https://rees46.com/en/datasets).
"""

import sys
from datetime import UTC, datetime, timedelta

import numpy as np

from vibrator.datasets.events import RowReport
from vibrator.datasets.rees46 import load_rees46
from vibrator.decisions import Situation
from vibrator.intent import (
    FrequencyCap,
    IntentState,
    LiquidRules,
    PopularFirst,
    bootstrap_summary,
    decide,
    evaluate_policies_on_event_log,
)


def main(folder):
    report = RowReport()
    log = load_rees46(folder, report=report)
    print(f"{len(log.events):,} events of {log.events['user_id'].nunique():,} users; {report}")

    per_user = evaluate_policies_on_event_log(*log)
    summary, _ = bootstrap_summary(per_user)
    print(summary[["policy", "conversion_mean", "trust_mean", "volume_mean", "net_mean"]])

    print(decide_for_the_busiest(log))


def decide_for_the_busiest(log):
    """The decision that the liquid rules would make for one user, an hour after the last event."""
    events = log.events
    user = events["user_id"].value_counts().index[0]
    own = events[events["user_id"] == user]
    intent = IntentState(log.n_categories)
    intent.update_many(own["cat_idx"], own["ts"], own["weight"])

    popular = [str(item) for item in events["item_id"].value_counts().index[:500]]
    kinds = {str(item): category for item, category in log.item_to_cat_idx.items()}
    situation = Situation(
        user_id=str(user),
        at=datetime.fromtimestamp(own["ts"].max(), UTC) + timedelta(hours=1),
        candidates=tuple(popular),
        context={"seen": [str(item) for item in own["item_id"].unique()]},
        intent=intent,
    )
    policy = LiquidRules(picker=PopularFirst(popular, kinds))
    guards = [FrequencyCap(3, timedelta(days=7))]
    decision = decide(policy, situation, guards=guards, rng=np.random.default_rng(0))
    return f"{decision.reason}: {', '.join(decision.chosen) or 'nothing'}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
