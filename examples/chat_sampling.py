"""The newest turns of a chat, as actions that score what to answer with.

python examples/chat_sampling.py
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from vibrator import InstructionalEncoder, SliderScorer, sample_recent_chat_actions
from vibrator.chat import TokenBudget, from_openai

FILE = Path(__file__).parent / "data" / "chat.json"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLIDERS = {"kitchen": "quick weeknight recipes", "trails": "long mountain trails"}
ANSWERS = {
    "huts": "Mountain huts along the ridge trail, and which have beds left",
    "curry": "A quick curry for a busy weeknight",
}


def main():
    said = json.loads(FILE.read_text(encoding="utf-8"))["messages"]
    messages = from_openai(said, ended=NOW)
    actions = sample_recent_chat_actions(
        messages, now=NOW, max_messages=4, half_life_hours=1.0, tokens=TokenBudget(limit=60)
    )
    for action in actions:
        print(f"{action.weight:.3f}  {action.metadata['age_hours']:.2f} h ago  {action.content}")

    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS, clock=lambda: NOW)
    print(f"\n{scorer.rank(actions, ANSWERS, 2)}")


if __name__ == "__main__":
    main()
