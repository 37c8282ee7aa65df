"""Texts under an instruction into token ids, and ids into the matrices a transformer reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.wordpieces import WordReader, reads_by_word
from vibrator.errors import ArtefactError

Ids = NDArray[np.int64]


class Tokens(NamedTuple):
    """The ids of one text, and how many in front the pooling leaves out."""

    ids: list[int]
    skip: int


class Padded(NamedTuple):
    """A batch as matrices: what is read, what is attended to, what is pooled."""

    ids: Ids
    attended: Ids
    pooled: Ids


class Distinct(NamedTuple):
    """The different tokens at their positions, and which of them each place of a batch holds."""

    token_ids: Ids
    positions: Ids
    places: Ids


@dataclass(frozen=True)
class InstructedTokenizer:
    """Puts the instruction in front, verbatim, and counts its tokens as Instructor does.

    Instructor strips the text and the whole, cuts at `max_length`, and leaves the instruction's
    tokens out of the pooling, save where they are a single one.
    """

    tokenizer_json: str
    max_length: int
    lowercase: bool = False

    def tokens(self, instruction: str, texts: Sequence[str]) -> list[Tokens]:
        """One entry a text; safe to call from many threads."""
        skip = self._instruction_length(instruction) if instruction else 0
        whole = [self._read(instruction + text.strip()) for text in texts]
        return [Tokens(ids, skip) for ids in self._ids(whole)]

    def _ids(self, texts: list[str]) -> Iterable[list[int]]:
        if self._by_word:
            return self._by_word.ids(texts)
        return (encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts))

    def _instruction_length(self, instruction: str) -> int:
        length = len(self._tokenizer.encode(self._read(instruction)).ids) - 1  # less the end sign
        return length if length > 1 else 0

    def _read(self, text: str) -> str:
        return text.strip().lower() if self.lowercase else text.strip()

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer_json)
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_length)
        return tokenizer

    @cached_property
    def _by_word(self) -> WordReader | None:
        if not reads_by_word(self.tokenizer_json):
            return None
        return WordReader(self._tokenizer, self.max_length)


def read_tokenizer(
    folder: Path, *, max_length: int, lowercase: bool = False
) -> InstructedTokenizer:
    """The tokenizer of a model folder."""
    path = folder / "tokenizer.json"
    if not path.exists():
        raise ArtefactError(f"{str(folder)!r} has no tokenizer.json: save the model once more")
    try:
        found = InstructedTokenizer(path.read_text(encoding="utf-8"), max_length, lowercase)
        found.tokens("", ["word"])
    except Exception as error:  # the errors of tokenizers have no common base but Exception
        raise ArtefactError(f"{path} is no tokenizer, save the model once more: {error}") from error
    return found


def padded(batch: Sequence[Tokens], *, pad_id: int = 0) -> Padded:
    """The batch as matrices, as wide as its longest text.

    >>> padded([Tokens([5, 6, 1], 2), Tokens([7, 1], 0)]).pooled.tolist()
    [[0, 0, 1], [1, 1, 0]]
    """
    lengths = np.array([len(tokens.ids) for tokens in batch])
    places = np.arange(lengths.max())
    attended = places < lengths[:, None]
    ids = np.full(attended.shape, pad_id, np.int64)
    ids[attended] = np.concatenate([tokens.ids for tokens in batch])
    skips = np.array([tokens.skip for tokens in batch])
    pooled = attended & (places >= skips[:, None])
    return Padded(ids, attended.astype(np.int64), pooled.astype(np.int64))


def distinct(ids: Ids) -> Distinct:
    """What stands in a batch without its repetitions; `places` are [position, text].

    >>> distinct(np.array([[5, 6], [5, 7]]))
    Distinct(token_ids=array([5, 6, 7]), positions=array([0, 1, 1]), places=array([[0, 0], [1, 2]]))
    """
    length = ids.shape[1]
    pairs = ids.T * length + np.arange(length)[:, None]
    different, places = np.unique(pairs, return_inverse=True)
    return Distinct(different // length, different % length, places.reshape(pairs.shape))
