"""The ids of words that were read before: a few words make up most of all text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

WORDS_KEPT = 50_000
LONGEST_WORD = 64  # characters; what is longer is read anew each time
TEXTS_AT_ONCE = 1024
LOCAL = ("BertNormalizer", "BertPreTokenizer", "WordPiece")  # none looks across a space
TEMPLATES = ("TemplateProcessing", "BertProcessing")


def reads_by_word(tokenizer_json: str) -> bool:
    """Whether the ids of a text are those of its words, in a row, between the same signs."""
    facts = json.loads(tokenizer_json)
    parts = [facts.get(name) or {} for name in ("normalizer", "pre_tokenizer", "model")]
    return (
        tuple(part.get("type") for part in parts) == LOCAL
        and (facts.get("post_processor") or {}).get("type") in TEMPLATES
        and not any(map(_reaches_out, facts.get("added_tokens") or []))
    )


def _reaches_out(added: dict[str, Any]) -> bool:
    content = added["content"]
    return bool(added["lstrip"] or added["rstrip"] or content.split() != [content])


class WordReader:
    """Gives the ids that the tokenizer gives, and keeps those of each word between two spaces."""

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self._tokenizer = tokenizer
        whole, alone = (
            tokenizer.encode("a", add_special_tokens=signs).ids for signs in (True, False)
        )
        at = whole.index(alone[0])
        self._before, self._after = whole[:at], whole[at + len(alone) :]
        self._room = max_length - len(self._before) - len(self._after)
        self._known: dict[str, list[int]] = {}

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """One list a text; safe to call from many threads."""
        starts = range(0, len(texts), TEXTS_AT_ONCE)
        return [ids for at in starts for ids in self._read(texts[at : at + TEXTS_AT_ONCE])]

    def _read(self, texts: Sequence[str]) -> list[list[int]]:
        words = [text.split(" ") for text in texts]
        if len(self._known) > WORDS_KEPT:
            self._known = {}  # whoever is at work goes on with the old one
        known = self._known
        new = [word for word in dict.fromkeys(chain.from_iterable(words)) if word not in known]
        read = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
        long: dict[str, list[int]] = {}
        for word, encoding in zip(new, read, strict=True):
            (known if len(word) <= LONGEST_WORD else long)[word] = encoding.ids
        table = known | long if long else known
        return [self._joined(each, table) for each in words]

    def _joined(self, words: list[str], known: dict[str, list[int]]) -> list[int]:
        inner = list(chain.from_iterable(map(known.__getitem__, words)))
        return [*self._before, *inner[: self._room], *self._after]
