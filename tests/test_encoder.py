"""Words into aligned vectors: n in, n out, unit length, the same for the same words."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.people import actions_of
from vibrator.actions import ACTION_TYPES, UserAction, register_action_type
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.embedded import FOLDER
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import MODELS, register_encoder
from vibrator.errors import BadInput, ModelUnavailable, UnknownName

TEXTS = ["a guide to gRPC", "plum cake", "день в горах", "🏔️ 🏃", "x" * 5000]


@pytest.fixture(scope="module")
def encoder():
    return InstructionalEncoder("embedded")


@pytest.mark.parametrize("encode", ["encode_items", "encode_sliders"])
def test_rows_are_unit_float32_in_order(encoder, encode):
    rows = getattr(encoder, encode)(TEXTS)
    assert rows.shape == (5, encoder.dimensions)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert np.array_equal(getattr(encoder, encode)(reversed(TEXTS)), rows[::-1])


def test_none_in_none_out(encoder):
    for rows in (
        encoder.encode_items([]),
        encoder.encode_actions(iter(())),
        encoder.encode_freeform("Read:", []),
    ):
        assert rows.shape == (0, encoder.dimensions)


def test_the_wording_of_an_action_is_read_and_centred_away(encoder):
    wrote, clicked = (UserAction(kind, "a guide to gRPC") for kind in ("write", "click"))
    rows = encoder.encode_actions([wrote, clicked])
    item = encoder.encode_items(["a guide to gRPC"])[0]
    assert not np.array_equal(rows[0], rows[1])
    assert (rows @ item > 0.8).all()


def test_centring_takes_away_what_all_texts_share():
    plain = InstructionalEncoder(EncoderConfig("embedded", center=False))
    centred = InstructionalEncoder("embedded")
    texts = [f"{a} {b}" for a in ("quick", "old", "blue") for b in ("soup", "train", "song", "tax")]

    def mean_length(encoder):
        return np.linalg.norm(encoder.encode_items(texts).mean(axis=0))

    assert mean_length(centred) < mean_length(plain) + 0.05
    assert plain.fingerprint != centred.fingerprint


def test_the_fingerprint_is_that_of_the_vectors():
    same, other = (
        InstructionalEncoder("embedded"),
        InstructionalEncoder("embedded", item_instruction="Read: "),
    )
    assert InstructionalEncoder("embedded").fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        (["ok", ""], r"texts\[1\]"),
        ([None], r"texts\[0\]"),
        ([b"bytes"], r"texts\[0\]"),
        (["\ud800"], "surrogate"),
        ([["Represent:", "text"]], "instruction"),
        ("one text", "single text"),
    ],
)
def test_bad_texts_are_refused_by_place(encoder, texts, named):
    with pytest.raises(BadInput, match=named):
        encoder.encode_items(texts)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
@pytest.mark.parametrize("name", ["no-such-model", "./no/such/folder", "/no/such/folder"])
def test_a_model_that_is_not_there_is_refused_with_both_ways_out(name, backend):
    with pytest.raises(
        (UnknownName, ModelUnavailable), match=r'local folder.*InstructionalEncoder."embedded"'
    ):
        InstructionalEncoder(EncoderConfig(name, backend=backend))


def test_a_folder_is_named_by_a_path_too(encoder):
    assert InstructionalEncoder(FOLDER).dimensions == encoder.dimensions


@pytest.mark.parametrize(
    ("name", "settings", "rule"),
    [
        ("embedded", {"backend": "onnx"}, "backend of a model of kind 'embedded'"),
        ("embedded", {"precision": "int8"}, "precision .* got 'int8'"),
        ("embedded", {"device": "cuda"}, "device .* got 'cuda'"),
        ("embedded", {"device": 3}, "device must be a text"),
        ("hkunlp/instructor-base", {"backend": "onxx"}, r"\('torch', 'onnx'\), got 'onxx'"),
        ("hkunlp/instructor-base", {"precision": "int8"}, "'int8' needs backend='onnx'"),
        ("hkunlp/instructor-base", {"backend": "onnx", "precision": "bf16"}, "fp32"),
        ("hkunlp/instructor-base", {"backend": "onnx", "device": "cuda"}, "device"),
        ("sentence:some/model", {"backend": "onnx"}, "without 'sentence:'"),
        ("http://localhost:1/v1#model", {"precision": "int8"}, "kind 'remote'"),
    ],
)
def test_a_way_of_running_that_a_kind_has_not_is_refused_at_once(name, settings, rule):
    with pytest.raises(BadInput, match=rule):
        InstructionalEncoder(EncoderConfig(name, **settings))


@pytest.mark.parametrize("strange", [3, {"model_name": "embedded"}, ["embedded"]])
def test_what_is_no_model_is_refused_at_once(strange):
    with pytest.raises(BadInput, match="an encoder must be"):
        InstructionalEncoder(strange)


@pytest.mark.parametrize("actions", [None, ["a tent"], [UserAction("read", "a tent"), None]])
def test_what_is_no_list_of_actions_is_refused(encoder, actions):
    with pytest.raises(BadInput, match="list of UserAction"):
        encoder.encode_actions(actions)


def test_a_text_with_a_nul_in_it_is_read(encoder):
    assert encoder.encode_items(["a\0tent", "\0"]).shape == (2, encoder.dimensions)


@pytest.mark.parametrize("texts", [None, 3])
def test_no_list_of_texts_is_refused(encoder, texts):
    with pytest.raises(BadInput, match=f"list of texts, got {texts}"):
        encoder.encode_items(texts)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"cache": "vectors.db"}, "or the like, got 'vectors.db'"),
        ({"item_instruction": None}, "item_instruction must be a text"),
        ({"action_instruction": b"Represent: "}, "action_instruction must be a text"),
    ],
)
def test_settings_of_another_kind_are_refused(settings, rule):
    with pytest.raises(BadInput, match=rule):
        InstructionalEncoder("embedded", **settings)


def test_a_hundred_thousand_texts_are_read_in_order(encoder):
    texts = [f"night train {number}" for number in range(100_000)]

    rows = encoder.encode_items(texts)

    assert rows.shape == (100_000, encoder.dimensions)
    np.testing.assert_array_equal(rows[::9_999], encoder.encode_items(texts[::9_999]))


def test_a_model_of_your_own_is_one_registration_away(encoder):
    register_encoder("mine", lambda _config: encoder.model)
    try:
        assert np.array_equal(
            InstructionalEncoder("mine:x").encode_items(TEXTS), encoder.encode_items(TEXTS)
        )
    finally:
        del MODELS["mine"]


def test_memory_is_bounded():
    small = InstructionalEncoder(EncoderConfig("embedded", memory_vectors=40))
    for start in range(0, 400, 10):
        small.encode_items([f"text {i}" for i in range(start, start + 10)])
        small.encode_items([f"text {i}" for i in range(max(start - 15, 0), start)])
    kept = [*small._memory.values(), *small._older.values()]
    assert 0 < sum(map(len, kept)) <= 40


def test_threads_see_the_same_vectors(encoder):
    fresh = InstructionalEncoder("embedded")
    texts = [f"night train {i}" for i in range(200)]
    found = [None] * 4

    def work(place):
        found[place] = fresh.encode_items(texts)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(rows, encoder.encode_items(texts)) for rows in found)


def test_the_same_text_gives_the_same_bytes_on_any_thread_count():
    code = (
        "import hashlib; from vibrator import InstructionalEncoder; from tests.people import *\n"
        "e = InstructionalEncoder('embedded')\n"
        "rows = e.encode_actions(actions_of('ada')).tobytes()\n"
        "rows += e.encode_items(list(SLIDERS)).tobytes()\n"
        "print(hashlib.sha256(rows).hexdigest())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=dict.fromkeys(names, count) | {"PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in ("1", "2", "4")
    }
    assert len(prints) == 1


def test_people_differ(encoder):
    ada, bruno = (
        encoder.encode_actions(actions_of(name)).mean(axis=0) for name in ("ada", "bruno")
    )
    cosine = ada @ bruno / np.linalg.norm(ada) / np.linalg.norm(bruno)
    assert cosine < 0.5


def test_a_wording_registered_later_is_read_from_then_on():
    action, late = UserAction("rent", "a tent"), InstructionalEncoder("embedded")
    before = late.encode_actions([action, action])
    register_action_type("rent", wording="User borrowed for money:")
    try:
        after = late.encode_actions([action])
        assert np.array_equal(after, InstructionalEncoder("embedded").encode_actions([action]))
        assert not np.allclose(before[0], after[0], atol=1e-3)
    finally:
        del ACTION_TYPES["rent"]


def test_a_memory_that_another_thread_replaces_meanwhile_is_still_read():
    class Replaced(dict):
        def __contains__(self, role):
            small._memory = {}
            return super().__contains__(role)

    small = InstructionalEncoder("embedded")
    small.encode_actions([UserAction("read", "a night train")])
    small._memory = Replaced(small._memory)
    assert list(small._of_types({"read"})["read"]) == ["a night train"]
