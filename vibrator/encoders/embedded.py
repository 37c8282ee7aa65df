"""The model that ships inside: one int8 vector a token, added up."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.checks import read_or_refused
from vibrator.encoders.ports import EMBEDDED, EncoderConfig
from vibrator.errors import ArtefactError, BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Floats = NDArray[np.float32]
    Ids = NDArray[np.intp]

FILES = ("model.safetensors", "tokenizer.json")
FOLDER = Path(__file__).parent / "embedded_model"
DTYPES = {"I8": np.int8, "F32": np.float32}  # safetensors names
MAX_TOKENS = 512  # of one text; the tokens after them are not read
BLOCK_TEXTS = 2048  # pooled at once, so that memory does not grow with the batch
REMEMBERED_WORDS = 100_000
LONGEST_REMEMBERED = 32  # characters: longer "words" are keys, links and noise


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedModel:
    """A table of token vectors and the tokenizer that reads it; safe to share between threads.

    A text's vector is the weighted sum of the vectors of its tokens in the order of the text, made
    unit length. Each text is added up on its own, so neighbours and threads leave no trace in it.

    >>> model = EmbeddedModel.load()
    >>> rain, wet, tax = model.vectors("", ["it rains", "rainy weather", "file your taxes"])
    >>> bool(rain @ wet > rain @ tax)
    True
    """

    name: str
    revision: str
    table: NDArray[np.int8] = field(repr=False)
    weights: Floats = field(repr=False)
    unknown: int = field(repr=False)
    _tokenizer: Tokenizer = field(repr=False)
    _remembered: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    _rows: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rows", self.table * self.weights[:, None])

    @classmethod
    def load(cls, folder: Path | None = None) -> EmbeddedModel:
        """Read a model folder; a file that is not the one that config.json names is refused."""
        from tokenizers import Tokenizer

        folder = FOLDER if folder is None else folder
        with read_or_refused(folder / "config.json", ArtefactError):
            config = json.loads(_read(folder / "config.json"))
            if config.get("vibrator") != EMBEDDED:
                raise ArtefactError(f"{folder}: config.json is of no {EMBEDDED} model")
            name, sums = str(config["name"]), {file: config["sha256"][file] for file in FILES}
        files = {file: _checked(folder / file, sha) for file, sha in sums.items()}
        tensors = _tensors(files["model.safetensors"])
        tokenizer = Tokenizer.from_buffer(files["tokenizer.json"])
        return cls(
            name=name,
            revision=hashlib.sha256("".join(sums.values()).encode()).hexdigest()[:12],
            table=tensors["table"],
            weights=tensors["weights"],
            unknown=int(tokenizer.token_to_id("[UNK]") or 0),
            _tokenizer=tokenizer,
        )

    @property
    def takes_instructions(self) -> bool:
        """No: words are added up, and an instruction's would be the same for every text."""
        return False

    @property
    def instant(self) -> bool:
        """Yes: no cache outside the process is as quick."""
        return True

    @property
    def dimensions(self) -> int:
        """How long a vector is."""
        return int(self.table.shape[1])

    def vectors(self, instruction: str, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts, in order; the instruction is not read."""
        del instruction
        out = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), BLOCK_TEXTS):
            block = texts[start : start + BLOCK_TEXTS]
            out[start : start + len(block)] = self._pooled(*self.token_ids(block))
        return out

    def token_ids(self, texts: Sequence[str]) -> tuple[Ids, Ids]:
        """The token ids of all texts, one after the other, and how many each has.

        They are found by way of the words: most words have been seen before.
        """
        split = [text.split() for text in texts]
        words = list(chain.from_iterable(split))
        try:
            ids = list(map(self._remembered.__getitem__, words))
        except KeyError:
            ids = list(map(self._ids_of(set(words)).__getitem__, words))
        tokens = np.fromiter(chain.from_iterable(ids), dtype=np.intp)
        ends = np.zeros(len(words) + 1, dtype=np.intp)
        np.cumsum(np.fromiter(map(len, ids), np.intp, len(ids)), out=ends[1:])
        last = np.cumsum(np.fromiter(map(len, split), np.intp, len(split)))
        lengths = np.diff(ends[last], prepend=0)
        if lengths.min() > 0 and lengths.max() <= MAX_TOKENS:
            return tokens, lengths
        rows = [row[:MAX_TOKENS] for row in np.split(tokens, ends[last[:-1]])]
        rows = [row if len(row) else np.array([self.unknown]) for row in rows]
        return np.concatenate(rows), np.fromiter(map(len, rows), np.intp, len(rows))

    def _ids_of(self, words: set[str]) -> dict[str, tuple[int, ...]]:
        """Token ids by word. Nothing is ever forgotten, so that threads can share the memory."""
        known = self._remembered
        fresh = sorted(word for word in words if word not in known)
        if not fresh:
            return known
        encodings = self._tokenizer.encode_batch_fast(fresh, add_special_tokens=False)
        found = {word: tuple(encoding.ids) for word, encoding in zip(fresh, encodings, strict=True)}
        if len(known) < REMEMBERED_WORDS:
            known.update({w: ids for w, ids in found.items() if len(w) <= LONGEST_REMEMBERED})
        return found | {word: known[word] for word in words if word not in found}

    def _pooled(self, tokens: Ids, lengths: Ids) -> Floats:
        """Add up first tokens, then second ones: longest texts first, so that each is a slice."""
        order = np.argsort(-lengths, kind="stable")
        starts = (np.cumsum(lengths) - lengths)[order]
        sums = np.zeros((len(lengths), self.dimensions), dtype=np.float32)
        for position in range(int(lengths.max())):
            alive = int(np.count_nonzero(lengths > position))
            sums[:alive] += self._rows.take(tokens[starts[:alive] + position], axis=0)
        out = np.empty_like(sums)
        out[order] = sums / np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
        return out


def open_embedded(config: EncoderConfig) -> EmbeddedModel:
    """The model that ships inside, loaded once, or one of its kind from the folder named."""
    if config.dimensions is not None or config.revision is not None:
        raise BadInput("the embedded model has one revision and one number of dimensions")
    return _loaded(
        FOLDER if config.model_name == EMBEDDED else Path(config.model_name).expanduser()
    )


@cache
def _loaded(folder: Path) -> EmbeddedModel:
    return EmbeddedModel.load(folder)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read: {error.strerror}") from error


def _checked(path: Path, expected: str) -> bytes:
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ArtefactError(f"{path}: sha256 must be {expected}, got {found}")
    return content


def _tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """Views of the tensors of a safetensors file: header length, JSON header, bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    return {
        name: np.frombuffer(
            memoryview(content)[end:][slice(*about["data_offsets"])], DTYPES[about["dtype"]]
        ).reshape(about["shape"])
        for name, about in header.items()
        if name != "__metadata__"
    }
