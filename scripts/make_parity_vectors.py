"""Write down what InstructorEmbedding 1.0.1 makes of the tiny checkpoint.

Runs in the environment of scripts/parity-requirements.txt, the only one in which that package
is right; the tests compare our own vectors with the file it writes.

    python scripts/make_parity_vectors.py fixtures/instructor_parity.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from make_tiny_instructor import make_tiny_instructor

PACKAGES = ("InstructorEmbedding", "sentence-transformers", "transformers", "huggingface-hub")
INSTRUCTIONS = (
    "Represent the user action for inferring preferences: ",
    "Represent the content for matching preferences: ",
    "Represent the preference dimension: ",
    "Represent the Science title:",  # no space before the text: the boundary may change the pieces
    "  Für die Suche nach dem Weg: ",  # space in front, which the original strips
    "a",  # a single token, which the original does not leave out
    "",
)
TEXTS = (  # each with how often it is repeated
    ("", 1),
    (" ", 1),
    ("a", 1),
    ("User wrote: a guide to streaming remote calls", 1),
    ("User clicked on: quick weeknight recipes", 1),
    ("User viewed: long mountain trails", 1),
    ("detailed technical documentation", 1),
    ("  padded with space on both sides   ", 1),
    ("tabs\tand\nnew lines\r\n in between", 1),
    ("MIXED Case And CAPITALS", 1),
    ("punctuation: (a), [b]; {c} <d> - e/f & g!", 1),
    ("0 1 12 123 1234.5 50% 2024-01-31", 1),
    ("naïve café œuvre Ångström", 1),
    ("e\u0301 decomposed and \u00e9 composed", 1),
    ("ﬁ ligature, full width ＡＢＣ, half ½", 1),
    ("Der schnelle Weg durch die Berge führt über den Pass", 1),
    ("Une recette simple pour un soir de semaine", 1),
    ("Una guía detallada para quien quiere entender", 1),
    ("Горный маршрут на целый день", 1),
    ("山の長い道、簡単な料理、詳しい説明書。", 1),
    ("긴 산길과 빠른 저녁 요리", 1),
    ("مسار جبلي طويل", 1),
    ("लंबी पहाड़ी पगडंडी", 1),
    ("🎉", 1),
    ("party 🎉🎉 time 👩‍👩‍👧‍👦 and 🇳🇬", 1),
    ("zero\u200bwidth and no\u00a0break", 1),
    ("<pad> </s> <unk> as words", 1),
    ("unknown ⌘ ⌥ ☃ signs", 1),
    ("averyveryverylongwordwithoutanyspaceinit" * 4, 1),
    ("what to carry on a run of six hours ", 3),
    ("word ", 120),
    ("long mountain trails over ridges and passes, ", 100),
    ("山の長い道、", 300),
    ("🎉 ", 2000),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    target = parser.parse_args().target
    with tempfile.TemporaryDirectory() as folder:
        vectors = original_vectors(make_tiny_instructor(Path(folder)))
    golden = {
        "made_with": {package: version(package) for package in PACKAGES},
        "instructions": INSTRUCTIONS,
        "texts": TEXTS,
        "vectors": [[float(f"{number:.8g}") for number in row] for row in vectors.tolist()],
    }
    target.write_text(_one_row_a_line(golden), encoding="utf-8")
    print(f"{len(vectors)} vectors of {vectors.shape[1]} numbers in {target}")


def original_vectors(folder: Path):
    """Instruction by instruction, text by text."""
    from InstructorEmbedding import INSTRUCTOR

    model = INSTRUCTOR(str(folder), device="cpu")
    pairs = [[instruction, text * times] for instruction in INSTRUCTIONS for text, times in TEXTS]
    return model.encode(pairs)


def _one_row_a_line(golden: dict) -> str:
    rows = ",\n".join(json.dumps(row) for row in golden.pop("vectors"))
    head = json.dumps(golden, ensure_ascii=False, indent=1)[:-2]
    return f'{head},\n "vectors": [\n{rows}\n ]\n}}\n'


if __name__ == "__main__":
    main()
