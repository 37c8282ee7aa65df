"""What makes an exported model fast, and that it changes no vector."""

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibrator.encoder import InstructionalEncoder
from vibrator.encoders import wordpieces
from vibrator.encoders.onnx_network import ExportedModel, OnnxNetwork
from vibrator.encoders.tokens import InstructedTokenizer, distinct
from vibrator.encoders.wordpieces import WordReader, reads_by_word
from vibrator.errors import ArtefactError, ModelUnavailable

LONGEST = 12
SIGNS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SIGNS, *"abcdeilnorstu", *(f"##{c}" for c in "abcdeilnorstu"), "trail", "##s", "日", "!"]
ODD = "aAbé\u0301\u0345İΣß日🎉!'.- \u00a0\u3000\t\n\x00\x1c\x85\u200b\u2028\ufeff"
TEXTS = ["long trails", "a", "trails and tents " * 4, "détail 🎉", "a tent", "[MASK] [PAD] tent"]


def tokenizer_json(**changed):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.WordPiece({p: i for i, p in enumerate(dict.fromkeys(PIECES))}))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(SIGNS)
    return json.dumps(json.loads(made.to_str()) | changed)


@given(
    st.lists(st.text(st.sampled_from(ODD) | st.characters(codec="utf-8")) | st.sampled_from(TEXTS))
)
def test_words_have_the_ids_of_the_whole_text(texts):
    tokenizer = InstructedTokenizer(tokenizer_json(), LONGEST)._tokenizer
    reader = WordReader(tokenizer, LONGEST)

    right = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]

    assert reader.ids(texts) == right == reader.ids(texts)


def test_the_words_kept_are_bounded(monkeypatch):
    monkeypatch.setattr(wordpieces, "WORDS_KEPT", 50)
    tokenizer = InstructedTokenizer(tokenizer_json(), LONGEST)._tokenizer
    reader = WordReader(tokenizer, LONGEST)

    for start in range(0, 1000, 20):
        reader.ids([f"w{i}" for i in range(start, start + 20)])
    reader.ids(["x" * 100_000])

    assert max(map(len, reader._known)) < 10
    assert len(reader._known) <= 50 + 20


@pytest.mark.parametrize(
    "changed",
    [
        {"normalizer": None},
        {"pre_tokenizer": {"type": "Metaspace"}},
        {"post_processor": None},
        {"added_tokens": [{"content": "two words", "lstrip": False, "rstrip": False}]},
        {"added_tokens": [{"content": "<mask>", "lstrip": True, "rstrip": False}]},
    ],
)
def test_a_tokenizer_that_looks_across_spaces_reads_whole_texts(changed):
    assert reads_by_word(tokenizer_json())
    assert not reads_by_word(tokenizer_json(**changed))


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=9))
def test_distinct_tokens_give_the_batch_back(rows):
    ids = np.array(rows)
    token_ids, positions, places = distinct(ids)

    np.testing.assert_array_equal(token_ids[places].T, ids)
    np.testing.assert_array_equal(positions[places].T, np.broadcast_to(np.arange(3), ids.shape))
    assert len(token_ids) == len(set(zip(token_ids, positions, strict=True)))


FACTS = {
    "vibrator": "onnx", "source": "tiny", "revision": "1", "dimensions": 32, "max_length": 12,
    "lowercase": False, "pad_id": 0, "prompts": {}, "takes_instructions": False,
}  # fmt: skip


@pytest.mark.parametrize("missing", FACTS.keys() - {"vibrator"})
def test_a_config_without_one_of_its_facts_is_refused_by_its_name(tmp_path, missing):
    facts = {name: value for name, value in FACTS.items() if name != missing}
    (tmp_path / "config.json").write_text(json.dumps(facts))

    with pytest.raises(ArtefactError, match=f"'{missing}' in .*config.json.*export"):
        InstructionalEncoder(str(tmp_path)).encode_items(["a tent"])


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {"type": "WordPiece"}}', "\xff"])
def test_a_tokenizer_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(json.dumps(FACTS))
    (tmp_path / "tokenizer.json").write_text(text, encoding="latin-1")

    with pytest.raises(ArtefactError, match=r"tokenizer\.json is no tokenizer"):
        InstructionalEncoder(str(tmp_path)).encode_items(["a tent"])


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    """A sentence model of BERT's architecture, its weights by chance."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=LONGEST, initializer_range=0.5,
        )
    ).save_pretrained(folder / "bert")  # fmt: skip
    (folder / "bert" / "tokenizer.json").write_text(tokenizer_json(), encoding="utf-8")
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "bert" / "tokenizer.json"),
        unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=LONGEST,
    ).save_pretrained(folder / "bert")  # fmt: skip
    modules = [Transformer(str(folder / "bert")), Pooling(32)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


@pytest.mark.integration
@pytest.mark.parametrize("written_out", [True, False])
def test_bert_written_out_gives_the_vectors_of_torch(tiny_bert, tmp_path, monkeypatch, written_out):
    from sentence_transformers import SentenceTransformer

    from vibrator.encoders import onnx_export, onnx_graphs

    if not written_out:  # as every export was, and those of other architectures are
        monkeypatch.setattr(onnx_graphs, "_is_plain_bert", lambda model: False)
    texts = TEXTS * 5
    random.Random(0).shuffle(texts)

    onnx_export.export_onnx(str(tiny_bert), tmp_path / "exact", precision="fp32")
    network = OnnxNetwork(ExportedModel(tmp_path / "exact"), 8)

    assert network.reads_whole is not written_out
    right = SentenceTransformer(str(tiny_bert), device="cpu").encode(texts)
    np.testing.assert_allclose(network.vectors("", texts), right, atol=1e-5)
    config = tmp_path / "exact" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dimensions": 16}))
    with pytest.raises(ArtefactError, match="says it has 16 dimensions, and its graph gives 32"):
        OnnxNetwork(ExportedModel(tmp_path / "exact"), 8)


@pytest.fixture(scope="module")
def exact(tiny_bert, tmp_path_factory):
    from vibrator.encoders.onnx_export import export_onnx

    folder = tmp_path_factory.mktemp("exact") / "model"
    export_onnx(str(tiny_bert), folder, precision="fp32")
    return ExportedModel(folder)


MANY = [f"trail {n} " + "tents " * (n % 7) for n in range(50)]


@pytest.mark.integration
@pytest.mark.parametrize(("processors", "shared"), [(0, False), (1, False), (3, True)])
def test_many_texts_are_read_side_by_side(exact, processors, shared):
    network = OnnxNetwork(exact, 4, processors)
    alone = np.concatenate([network.vectors("", [text]) for text in MANY])
    assert "_narrow" not in vars(network)

    np.testing.assert_allclose(network.vectors("", MANY), alone, atol=1e-5)
    assert ("_narrow" in vars(network)) is shared


@pytest.mark.integration
def test_long_lists_from_many_threads_each_get_their_own_rows(exact):
    network = OnnxNetwork(exact, 4, 2)
    lists = [MANY[n:] + MANY[:n] for n in range(0, 50, 10)]
    right = [OnnxNetwork(exact, 4, 1).vectors("", texts) for texts in lists]

    with ThreadPoolExecutor(len(lists)) as pool:
        found = list(pool.map(lambda texts: network.vectors("", texts), lists))

    np.testing.assert_allclose(found, right, atol=1e-5)


@pytest.mark.integration
def test_a_second_long_list_does_not_wait_for_the_first(exact):
    network = OnnxNetwork(exact, 4, 2)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(network.vectors, "", MANY * 400)
        while not network._many.locked():
            sleep(0.001)
        network.vectors("", MANY)
        assert not first.done()
        assert first.result().shape == (len(MANY) * 400, 32)


@pytest.mark.integration
def test_a_failure_side_by_side_is_raised_and_the_next_list_is_read(exact, monkeypatch):
    network = OnnxNetwork(exact, 4, 2)
    right = network.vectors("", MANY)
    ids = network.tokenizer._by_word.ids
    with monkeypatch.context() as patch:
        patch.setattr(network.tokenizer._by_word, "ids", lambda texts: [[10**6], *ids(texts)[1:]])
        with pytest.raises(Exception, match="idx=1000000 must be within"):
            network.vectors("", MANY)

    np.testing.assert_array_equal(network.vectors("", MANY), right)
    assert not network._many.locked()


@pytest.mark.integration
def test_weights_written_anew_are_not_mixed_with_those_in_use(exact, tmp_path):
    shutil.copytree(exact.folder, tmp_path / "model")
    network = OnnxNetwork(ExportedModel(tmp_path / "model"), 4, 2)
    before = OnnxNetwork(exact, 4, 1).vectors("", MANY)
    (tmp_path / "model" / "model.onnx").write_bytes(b"another")

    np.testing.assert_allclose(network.vectors("", MANY), before, atol=1e-5)


@pytest.mark.integration
def test_a_model_whose_tokenizer_is_missing_is_refused(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "torn")
    for file in (tmp_path / "torn").glob("*token*"):
        file.unlink()

    with pytest.raises(ModelUnavailable, match="no words in its tokenizer"):
        InstructionalEncoder(str(tmp_path / "torn")).encode_items(["a tent"])


@pytest.mark.integration
def test_a_model_whose_pooling_is_missing_is_refused(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "torn")
    shutil.rmtree(tmp_path / "torn" / "1_Pooling")

    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        InstructionalEncoder(str(tmp_path / "torn")).encode_items(["a tent"])
