"""The embedded model, described by what must stay true."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.encoders.embedded import FOLDER, MAX_TOKENS, EmbeddedModel, open_embedded
from vibrator.encoders.ports import EMBEDDED, EncoderConfig, EncoderModel
from vibrator.errors import ArtefactError

MODEL = open_embedded(EncoderConfig(EMBEDDED))
TEXTS = [
    "detailed guide to grpc",
    "A man is playing a guitar on a stage.",
    "naïve café, 東京 and emoji 🎉",
    "short",
    "the battery died after a week, avoid " * 40,
]

PICKS = (  # made by hand: a text, then the dimension that it should be nearest to
    ("how does grpc multiplex streams over one connection", "technical documentation"),
    ("the ending made me cry and hug my sister", "emotional stories"),
    ("cut your grocery bill in half this month", "saving money"),
    ("ten minute dinner with three ingredients", "quick and easy cooking"),
    ("what the new trial says about vaccines", "medical research"),
    ("laughed until my stomach hurt, what a show", "funny comedy"),
    ("hidden trails above the lake, take good boots", "hiking and the outdoors"),
    ("the striker scored twice in the final", "football news"),
    ("parliament votes on the budget tomorrow", "politics"),
    ("handmade leather bag with gold details", "luxury fashion"),
    ("teach your toddler to count with blocks", "parenting and children"),
    ("chords and strumming for your first song", "learning to play music"),
)


def norms(vectors):
    return np.linalg.norm(vectors, axis=1)


def test_it_is_an_encoder_model():
    assert isinstance(MODEL, EncoderModel)
    assert MODEL.dimensions == MODEL.vectors("", TEXTS).shape[1]


def test_files_fit_in_nine_megabytes():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 9_000_000


def test_no_file_is_a_pickle():
    assert {p.name for p in FOLDER.iterdir()} == {
        "LICENSE", "NOTICE", "config.json", "model.safetensors", "tokenizer.json",
    }  # fmt: skip


def test_vectors_are_unit_float32_in_order():
    vectors = MODEL.vectors("", TEXTS)

    assert vectors.dtype == np.float32
    assert norms(vectors) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)
    assert (vectors[::-1] == MODEL.vectors("", TEXTS[::-1])).all()


def test_no_texts_give_no_rows():
    assert MODEL.vectors("", []).shape == (0, MODEL.dimensions)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=6))
def test_neighbours_leave_no_trace(text, others):
    alone = MODEL.vectors("", [text])[0]

    assert MODEL.vectors("", [*others, text])[-1].tobytes() == alone.tobytes()
    assert np.isfinite(alone).all()
    assert norms(alone[None])[0] == pytest.approx(1, abs=1e-6)


def test_blocks_and_threads_leave_no_trace():
    texts = [f"{text} {number}" for number in range(1200) for text in TEXTS[:4]]
    whole = EmbeddedModel.load().vectors("", texts)

    fresh, starts = EmbeddedModel.load(), range(0, len(texts), 37)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda at: fresh.vectors("", texts[at : at + 37]), starts))

    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("threads", ["1", "4"])
def test_thread_settings_leave_no_trace(threads):
    program = (
        "import hashlib, sys, json; from vibrator.encoders.embedded import EmbeddedModel;"
        "texts = json.loads(sys.stdin.read());"
        "print(hashlib.sha256(EmbeddedModel.load().vectors('', texts).tobytes()).hexdigest())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(TEXTS * 50),
        env=os.environ | dict.fromkeys(names, threads),
        capture_output=True,
        text=True,
        check=True,
    )

    here = hashlib.sha256(MODEL.vectors("", TEXTS * 50).tobytes()).hexdigest()
    assert done.stdout.strip() == here


def test_case_and_white_space_do_not_matter():
    one, other = MODEL.vectors("", ["A quiet  Place\n", "a quiet place"])
    assert (one == other).all()


def test_a_text_without_tokens_is_the_unknown_token():
    vectors = MODEL.vectors("", ["", "  ", "\u200b"])
    assert (vectors == vectors[0]).all()


def test_only_the_first_tokens_of_a_long_text_are_read():
    long = "word " * MAX_TOKENS
    one, other = MODEL.vectors("", [long, long + "and something else entirely"])
    assert (one == other).all()


def test_words_are_remembered_without_changing_anything():
    model = EmbeddedModel.load()
    first = model.vectors("", TEXTS)
    assert (model.vectors("", TEXTS) == first).all()


def test_hand_made_picks_are_found():
    texts, dimensions = zip(*PICKS, strict=True)
    likeness = MODEL.vectors("", texts) @ MODEL.vectors("", dimensions).T

    assert np.mean(likeness.argmax(1) == np.arange(len(PICKS))) >= 0.75


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_refused_by_name(tmp_path: Path, name: str):
    folder = Path(copytree(FOLDER, tmp_path / "model"))
    content = bytearray((folder / name).read_bytes())
    content[-5] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(ArtefactError, match=f"{name}: sha256 must be"):
        EmbeddedModel.load(folder)


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(ArtefactError, match=r"config\.json: cannot be read"):
        EmbeddedModel.load(tmp_path)


def test_a_folder_of_its_kind_opens_from_its_path(tmp_path: Path):
    folder = copytree(FOLDER, tmp_path / "model")
    other = open_embedded(EncoderConfig(str(folder)))
    assert (other.revision, other.dimensions) == (MODEL.revision, MODEL.dimensions)
