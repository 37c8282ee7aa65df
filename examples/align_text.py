"""Which draft says what you mean: texts against sliders, nobody's history involved.

python examples/align_text.py
"""

from vibrator import InstructionalEncoder, Slider, SliderScorer

SLIDERS = {
    "warm": Slider("warm and friendly welcome", opposite="cold legal terms"),
    "plain": Slider("short and plain words", opposite="complicated technical jargon"),
    "trails": "long mountain trails",
}
DRAFTS = (
    "Pursuant to section 4, the lessee of the hut shall be liable for any and all damages.",
    "Welcome! The stove is warm, the tea is on the shelf, and the trail starts at the door.",
    "The hut's photovoltaic inverter implements maximum power point tracking.",
)
WANTED = {"warm": 1.0, "plain": 1.0, "trails": 0.5}  # how much each slider matters here


def main():
    scorer = SliderScorer(InstructionalEncoder("embedded"), SLIDERS)

    def alignment(text):
        scores = scorer.score([], text, cold_start=True)
        return {name: output.features["item_to_slider"] for name, output in scores.items()}

    def fit(text):
        return sum(WANTED[name] * value for name, value in alignment(text).items())

    for draft in sorted(DRAFTS, key=fit, reverse=True):
        parts = "  ".join(f"{name} {value:+.2f}" for name, value in alignment(draft).items())
        print(f"{fit(draft):+.2f}  ({parts})  {draft}")


if __name__ == "__main__":
    main()
