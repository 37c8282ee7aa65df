"""Recipes for the person at the stove: sliders with two poles, and types of action of your own.

python examples/recipes.py
"""

from datetime import UTC, datetime, timedelta

from vibrator import InstructionalEncoder, Slider, SliderScorer, UserAction, register_action_type

NOW = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)
SLIDERS = {
    "quick": Slider("quick dinner in twenty minutes", opposite="slow cooking all afternoon"),
    "plants": Slider("vegetarian dishes with beans", opposite="meat and sausages"),
    "sweet": Slider("sweet cakes and desserts", opposite="salty snacks"),
}
RECIPES = {
    "lentils": "Red lentil soup with lemon, ready in twenty minutes",
    "goulash": "Beef goulash that simmers all afternoon",
    "tart": "Plum tart with almonds and a crisp crust",
    "tacos": "Black bean tacos for a busy evening",
}


def main():
    register_action_type("cook", wording="User cooked:", weight=2.0)
    register_action_type("bin", wording="User threw away:", weight=-1.5)
    ago = [timedelta(hours=3), timedelta(days=1), timedelta(days=2), timedelta(days=4)]
    did = [
        ("write", "dinner with chickpeas in half an hour"),
        ("cook", "one pan pasta with beans"),
        ("bin", "a meat pie that took all afternoon"),
        ("cook", "fried rice with egg"),
    ]
    bruno = [
        UserAction(kind, words, timestamp=NOW - before)
        for (kind, words), before in zip(did, ago, strict=True)
    ]
    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS, clock=lambda: NOW)
    print("for Bruno, tonight")
    print(scorer.rank(bruno, RECIPES, 4))
    print("\nand not the same twice")
    print(scorer.rank(bruno, RECIPES, 2, diversity=0.5))


if __name__ == "__main__":
    main()
