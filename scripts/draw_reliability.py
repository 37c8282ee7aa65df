"""Draw docs/images/reliability.svg: zero-shot probabilities on MovieLens latest-small.

    python scripts/draw_reliability.py [DATA_DIR]

The data are not part of the project (GroupLens: research use, no redistribution); the picture
shows shares alone.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from movies import DATA, load_small, rows_of  # noqa: E402
from quality import answers  # noqa: E402

from vibrator.calibration import ReliabilityCurve  # noqa: E402
from vibrator.encoder import InstructionalEncoder  # noqa: E402
from vibrator.pipeline import SliderScorer  # noqa: E402


def main():
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    encoder = InstructionalEncoder("embedded")
    movies = load_small(data / "ml-latest-small")
    weights = {"write": 1.5, "react": 0.8, "dismiss": -1.0}
    rows = rows_of(movies, encoder, weights, with_genres=True)
    _, p = answers(SliderScorer(encoder, movies.sliders), rows)
    curve = ReliabilityCurve.of(p.ravel(), rows.fitted.ravel(), rng=np.random.default_rng(0))
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    (images / "reliability.svg").write_text(curve.to_svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
