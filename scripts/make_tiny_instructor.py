"""Make a tiny checkpoint of the Instructor architecture from scratch.

A T5 encoder, mean pooling, a projection and a normalisation, laid out file by file as
hkunlp/instructor-base is, with drawn weights and a unigram vocabulary counted from the text below.
The same everywhere: the weights come from NumPy's PCG64, the vocabulary from counting.

    python scripts/make_tiny_instructor.py DIR            # a model folder
    python scripts/make_tiny_instructor.py --hub DIR      # a hub cache: instructor-base
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np

WIDTH, HEADS, HEAD_WIDTH, INNER, LAYERS, OUT = 32, 4, 8, 64, 2, 24
POSITION_BUCKETS = 32
PIECE_LENGTH, PIECES = 8, 900
HUB_NAME, COMMIT = "hkunlp/instructor-base", "0123456789abcdef0123456789abcdef01234567"

TEXT = """
Represent the user action for inferring preferences:
Represent the content for matching preferences: Represent the preference dimension:
Represent the Science title: Represent the sentence for retrieval;
User wrote: User clicked on: User reacted to: User viewed: User opened: User shared: User said:
detailed technical documentation with examples, references and every parameter explained in depth
quick weeknight recipes with five ingredients, one pan and no more than twenty minutes of work
long mountain trails over ridges and passes, with maps, climbs, huts and the weather of the day
a guide to streaming remote calls, timeouts, retries and backpressure between services in production
how to keep a sourdough starter alive, when to fold the dough and why the oven has to be hot
what to carry on a run of six hours: water, salt, a light jacket, a lamp and the way back
the history of the printing press, of railways, of the telegraph and of the people who paid for them
an evening of chamber music: two violins, a viola and a cello play what the deaf composer wrote last
funny short videos about cats, dogs and parrots who know more words than they should
personal finance for people who would rather not think about money more than once a month
Der schnelle Weg durch die Berge führt über den Pass; wer müde ist, bleibt im Tal und kocht Suppe.
Une recette simple pour un soir de semaine: des œufs, du beurre, du pain et un peu de patience.
Una guía detallada para quien quiere entender cómo funciona cada parte antes de cambiar nada.
Um caminho longo pela montanha, com chuva de manhã e sol à tarde; ninguém tem pressa.
Горный маршрут на целый день, простая еда на костре и подробная карта.
山の長い道、簡単な料理、詳しい説明書。 快速的晚餐食谱和山间小路。 긴 산길과 빠른 저녁 요리.
مسار جبلي طويل ووصفة سريعة لعشاء بسيط. लंबी पहाड़ी पगडंडी और आसान खाना.
0 1 2 3 4 5 6 7 8 9 10 12 15 20 30 60 100 1000 2024 , . : ; ! ? ' " ( ) - / & % + = #
@ _ * [ ] { } < >
"""


def make_tiny_instructor(folder: Path, *, seed: int = 0) -> Path:
    """Write the checkpoint into `folder` and hand the folder back."""
    for part in ("1_Pooling", "2_Dense", "3_Normalize"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    vocabulary = count_vocabulary(TEXT)
    rng = np.random.default_rng(seed)
    write_tokenizer(folder, vocabulary)
    write_transformer(folder, len(vocabulary), rng)
    write_head(folder, rng)
    return folder


def make_tiny_hub_cache(folder: Path, *, name: str = HUB_NAME) -> Path:
    """A hub cache in which the tiny checkpoint goes by `name`."""
    home = folder / ("models--" + name.replace("/", "--"))
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text(COMMIT)
    make_tiny_instructor(home / "snapshots" / COMMIT)
    return folder


def count_vocabulary(text: str) -> list[tuple[str, float]]:
    """Every character, and the pieces of words that save most, with the log of their share."""
    words = Counter("▁" + word for word in text.split())
    counts: Counter[str] = Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + PIECE_LENGTH, len(word)) + 1):
                counts[word[start:end]] += times
    characters = {piece for piece in counts if len(piece) == 1}
    longer = sorted(
        (piece for piece, times in counts.items() if len(piece) > 1 and times > 1),
        key=lambda piece: (-counts[piece] * len(piece), piece),
    )
    kept = sorted(characters) + longer[: PIECES - len(characters)]
    total = sum(counts[piece] for piece in kept)
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return special + [(piece, math.log(counts[piece] / total)) for piece in kept]


def write_tokenizer(folder: Path, vocabulary: list[tuple[str, float]]) -> None:
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    _write_json(folder / "special_tokens_map.json", names)
    _write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "T5Tokenizer", "model_max_length": 512, "extra_ids": 0}
        | {"additional_special_tokens": []}
        | names,
    )


def write_transformer(folder: Path, vocabulary: int, rng: np.random.Generator) -> None:
    from safetensors.numpy import save_file

    inside = HEADS * HEAD_WIDTH
    weights = {
        "shared.weight": rng.normal(size=(vocabulary, WIDTH)),
        "encoder.final_layer_norm.weight": rng.uniform(0.5, 1.5, WIDTH),
    }
    for layer in range(LAYERS):
        block = f"encoder.block.{layer}.layer"
        for name in "qkv":
            weights[f"{block}.0.SelfAttention.{name}.weight"] = _drawn(rng, inside, WIDTH)
        weights[f"{block}.0.SelfAttention.o.weight"] = _drawn(rng, WIDTH, inside)
        weights[f"{block}.0.layer_norm.weight"] = rng.uniform(0.3, 0.9, WIDTH)
        weights[f"{block}.1.DenseReluDense.wi.weight"] = _drawn(rng, INNER, WIDTH)
        weights[f"{block}.1.DenseReluDense.wo.weight"] = _drawn(rng, WIDTH, INNER)
        weights[f"{block}.1.layer_norm.weight"] = rng.uniform(0.3, 0.9, WIDTH)
    bias = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    weights[bias] = rng.normal(size=(POSITION_BUCKETS, HEADS))
    save_file(
        {name: array.astype(np.float32) for name, array in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    _write_json(
        folder / "config.json",
        {
            "architectures": ["T5EncoderModel"],
            "model_type": "t5",
            "d_model": WIDTH,
            "d_ff": INNER,
            "d_kv": HEAD_WIDTH,
            "num_heads": HEADS,
            "num_layers": LAYERS,
            "num_decoder_layers": LAYERS,
            "vocab_size": vocabulary,
            "relative_attention_num_buckets": POSITION_BUCKETS,
            "feed_forward_proj": "relu",
            "layer_norm_epsilon": 1e-6,
            "dropout_rate": 0.1,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "decoder_start_token_id": 0,
            "is_encoder_decoder": True,
            "n_positions": 512,
            "torch_dtype": "float32",
        },
    )
    _write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": False}
    )


def write_head(folder: Path, rng: np.random.Generator) -> None:
    import torch

    _write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": WIDTH,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )
    activation = "torch.nn.modules.linear.Identity"
    _write_json(
        folder / "2_Dense" / "config.json",
        {
            "in_features": WIDTH,
            "out_features": OUT,
            "bias": False,
            "activation_function": activation,
        },
    )
    projection = torch.from_numpy(_drawn(rng, OUT, WIDTH).astype(np.float32))
    torch.save({"linear.weight": projection}, folder / "2_Dense" / "pytorch_model.bin")
    parts = ("Transformer", "Pooling", "Dense", "Normalize")
    paths = ("", "1_Pooling", "2_Dense", "3_Normalize")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{part}"}
        for i, (part, path) in enumerate(zip(parts, paths, strict=True))
    ]
    _write_json(folder / "modules.json", modules)
    versions = {"sentence_transformers": "2.2.0", "transformers": "4.7.0", "pytorch": "1.9.0"}
    _write_json(folder / "config_sentence_transformers.json", {"__version__": versions})


def _drawn(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.normal(size=(rows, columns)) / math.sqrt(columns) * 1.5


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hub", action="store_true", help="write a hub cache instead of a folder")
    arguments = parser.parse_args()
    make = make_tiny_hub_cache if arguments.hub else make_tiny_instructor
    print(make(arguments.folder))


if __name__ == "__main__":
    main()
