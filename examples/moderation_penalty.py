"""Penalties as data: phrases, or likeness to a slider, pull scores down where one can see it.

python examples/moderation_penalty.py
"""

from vibrator import InstructionalEncoder, SliderScorer, UserAction
from vibrator.pipeline import Penalty

SLIDERS = {"thrift": "saving money on everyday things"}
POSTS = {
    "plain": "Twelve ways to save money on groceries",
    "bait": "You won't believe how much money this trick saves on groceries!",
    "bets": "Win money at online casinos: betting tips and bonus codes",
}
PENALTIES = [
    Penalty(name="bait", amount=0.15, phrases=("you won't believe", "this trick")),
    Penalty(name="gambling", amount=0.30, slider="gambling and betting in casinos", above=0.35),
]


def main():
    did = [UserAction("click", "save money on the electricity bill")]
    encoder = InstructionalEncoder("embedded")
    plain = SliderScorer(encoder, SLIDERS)
    strict = SliderScorer(encoder, SLIDERS, penalties=PENALTIES)
    for name, post in POSTS.items():
        before, after = plain.score(did, post)["thrift"], strict.score(did, post)["thrift"]
        pulled = {p.name: after.contributions.get(p.name, 0.0) for p in PENALTIES}
        named = ", ".join(f"{which} {pull:+.2f}" for which, pull in pulled.items() if pull)
        print(f"{name:<6} {before.probability:6.1%} → {after.probability:6.1%}  {named or '–'}")


if __name__ == "__main__":
    main()
