"""Instructor for real: the vectors of the original, whichever way the model comes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_instructor import tiny_hub, tiny_instructor  # noqa: F401  # fixtures

from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.instructor import open_instructor
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.sqlite_cache import SQLiteVectorCache

pytestmark = pytest.mark.integration

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "instructor_parity.json").read_text("utf-8")
)
TOLERANCE = 1e-5
RAW = {"device": "cpu", "center": False, "normalize_layer": False, "normalize_l2": False}


def golden_texts():
    return [text * times for text, times in GOLDEN["texts"]]


def worst_difference(model):
    vectors = [model.vectors(instr, golden_texts()) for instr in GOLDEN["instructions"]]
    return np.abs(np.concatenate(vectors) - np.array(GOLDEN["vectors"])).max()


@pytest.fixture(scope="session")
def model(tiny_instructor):  # noqa: F811
    return open_instructor(EncoderConfig(str(tiny_instructor), device="cpu"))


def test_the_golden_vectors_are_the_originals():
    assert GOLDEN["made_with"]["InstructorEmbedding"] == "1.0.1"
    assert GOLDEN["made_with"]["sentence-transformers"] == "2.2.2"
    assert len(GOLDEN["vectors"]) >= 200
    assert len(GOLDEN["instructions"]) >= 5


def test_parity_with_the_original(model):
    assert worst_difference(model) <= TOLERANCE


@pytest.mark.parametrize("batch_size", [1, 1000])
def test_parity_whatever_the_batches(tiny_instructor, batch_size):  # noqa: F811
    config = EncoderConfig(str(tiny_instructor), device="cpu", batch_size=batch_size)

    assert worst_difference(open_instructor(config)) <= TOLERANCE


def test_an_object_of_the_original_package_gives_the_originals_vectors(tiny_instructor, model):  # noqa: F811
    from InstructorEmbedding import INSTRUCTOR

    given = InstructionalEncoder(INSTRUCTOR(str(tiny_instructor), device="cpu"))

    assert given.model.takes_instructions
    assert worst_difference(given.model) <= TOLERANCE


def test_a_sentence_transformer_that_leaves_the_prompt_out_is_instructor(tiny_instructor):  # noqa: F811
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(tiny_instructor), device="cpu")
    loaded.set_pooling_include_prompt(include_prompt=False)

    assert worst_difference(InstructionalEncoder(loaded).model) <= TOLERANCE


def test_through_the_front_with_alignment_off(tiny_instructor):  # noqa: F811
    encoder = InstructionalEncoder(EncoderConfig(str(tiny_instructor), **RAW))
    words = [i for i, text in enumerate(golden_texts()) if text.strip()]

    vectors = encoder.encode_freeform(GOLDEN["instructions"][0], [golden_texts()[i] for i in words])

    np.testing.assert_allclose(vectors, np.array(GOLDEN["vectors"])[words], atol=TOLERANCE)


def test_the_files_tell_its_dimensions_and_identity(tiny_instructor, monkeypatch):  # noqa: F811
    monkeypatch.setattr("vibrator.encoders.instructor.load_modules", None)
    model = open_instructor(EncoderConfig(str(tiny_instructor)))

    assert (model.dimensions, len(model.revision)) == (24, 16)


def test_other_weights_are_another_revision(tiny_instructor, tmp_path):  # noqa: F811
    from tiny_instructor import _script

    other = _script().make_tiny_instructor(tmp_path, seed=1)
    revisions = {open_instructor(EncoderConfig(str(f))).revision for f in (tiny_instructor, other)}

    assert len(revisions) == 2


def test_with_everything_cached_no_model_is_loaded(tiny_instructor, tmp_path, monkeypatch):  # noqa: F811
    texts = ["a tent", "plum cake"]
    with SQLiteVectorCache(tmp_path / "vectors.db") as cache:
        first = InstructionalEncoder(str(tiny_instructor), cache=cache).encode_items(texts)
        monkeypatch.setattr("vibrator.encoders.instructor.load_modules", None)
        again = InstructionalEncoder(str(tiny_instructor), cache=cache).encode_items(texts)

    np.testing.assert_array_equal(first, again)


SCORED = """
import sys
from vibrator.actions import UserAction
from vibrator.encoder import EncoderConfig, InstructionalEncoder
from vibrator.encoders.sqlite_cache import SQLiteVectorCache
from vibrator.pipeline import SliderScorer
with SQLiteVectorCache(sys.argv[2]) as cache:
    encoder = InstructionalEncoder(EncoderConfig(sys.argv[1], device="cpu"), cache=cache)
    scorer = SliderScorer(encoder, {"quick": "short and quick", "long": "long and thorough"})
    scores = scorer.score([UserAction("read", "a ridge walk")], "plum cake")
    print("torch" in sys.modules, [score.probability for score in scores.values()])
"""


def test_a_score_with_all_texts_cached_loads_no_model(tiny_instructor, tmp_path):  # noqa: F811
    first, again = (
        subprocess.run(
            [sys.executable, "-c", SCORED, str(tiny_instructor), str(tmp_path / "vectors.db")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split(maxsplit=1)
        for _ in range(2)
    )

    assert (first[0], again[0]) == ("True", "False")
    assert first[1] == again[1]


BARE = """
import sys
from vibrator.encoder import InstructionalEncoder
encoder = InstructionalEncoder()
vectors = encoder.encode_items(["detailed technical documentation", "long mountain trails"])
short = InstructionalEncoder("instructor-base")
print(encoder.model.name, encoder.model.revision[:4], vectors.shape, short.model.name)
"""


def test_bare_it_is_instructor_base_from_the_hub_cache(tiny_hub):  # noqa: F811
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", BARE],
        env=os.environ | tiny_hub,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.strip() == "hkunlp/instructor-base 0123 (2, 24) hkunlp/instructor-base"
    assert done.stderr == ""
