"""Any sentence-transformers model, by folder, hub id or loaded object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.batching import Batcher
from vibrator.encoders.checkpoints import find_checkpoint
from vibrator.encoders.instructor import instructed
from vibrator.encoders.late import LateModel
from vibrator.encoders.ports import EncoderConfig, EncoderModel, require_model
from vibrator.encoders.torch_models import load_modules, modules_digest, place

Vectors = NDArray[np.float32]
Prompted = tuple[str, str]  # the instruction and the text


class SentenceNetwork:
    """A model that reads plain texts, asked in batches of similar length.

    An instruction that is the name of one of its prompts ("query", "document", …) chooses that
    prompt; under any other the model reads the text as it does by default.
    """

    def __init__(self, model: Any, batch_size: int) -> None:
        self.model = model
        self.named = {"query": model.encode_query, "document": model.encode_document}
        self.batcher = Batcher(self.forward, batch_size=batch_size)

    @property
    def dimensions(self) -> int:
        """What the model says, or else found out by reading one word."""
        return int(self.model.get_embedding_dimension() or self.vectors("", ["word"]).shape[1])

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row a text."""
        return self.batcher.rows([(instruction, text) for text in texts], self.lengths(texts))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, or its characters where the model has no tokenizer for texts."""
        tokenizer = self._counter
        if tokenizer is None:
            return [len(text) for text in texts]
        return [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts))]

    @cached_property
    def _counter(self) -> Any:
        own = getattr(self.model, "tokenizer", None)
        backend = getattr(own, "backend_tokenizer", None)
        if backend is None:
            return None
        counter = type(backend).from_str(backend.to_str())  # a copy: truncation is its state
        counter.no_padding()
        counter.enable_truncation(self.model.max_seq_length or 512)
        return counter

    def forward(self, batch: list[Prompted]) -> Vectors:
        """One batch, instruction by instruction."""
        parts = {}
        for instruction in dict.fromkeys(instruction for instruction, _ in batch):
            places = [i for i, (given, _) in enumerate(batch) if given == instruction]
            parts[instruction] = places, self._encode(instruction, [batch[i][1] for i in places])
        rows = np.concatenate([rows for _, rows in parts.values()])
        order = [place for places, _ in parts.values() for place in places]
        return np.asarray(rows, np.float32)[np.argsort(order)]

    def _encode(self, instruction: str, texts: list[str]) -> Any:
        encode, extra = self.named.get(instruction, self.model.encode), {}
        if instruction in (self.model.prompts or {}) and instruction not in self.named:
            extra["prompt_name"] = instruction
        return encode(texts, batch_size=len(texts), show_progress_bar=False, **extra)


def open_sentence(config: EncoderConfig) -> LateModel:
    """A sentence-transformers model by hub id or folder."""
    found = find_checkpoint(config)
    return LateModel(
        found, config, lambda: plain(load_modules(found, config), config),
        takes_instructions=False,
    )  # fmt: skip


def plain(model: Any, config: EncoderConfig) -> SentenceNetwork:
    """A loaded model, asked as its own library asks it."""
    return SentenceNetwork(place(model, config), config.batch_size)


def model_from_object(
    given: Any, config: EncoderConfig, *, takes_instructions: bool | None = None
) -> EncoderModel:
    """The encoder model behind an object that a user has: ours, INSTRUCTOR or SentenceTransformer.

    >>> model_from_object(3, EncoderConfig())
    Traceback (most recent call last):
    vibrator.errors.BadInput: an encoder must be a name, an EncoderConfig, an INSTRUCTOR, ...
    """
    require_model(given)
    if hasattr(given, "vectors"):
        ready: EncoderModel = given
        return ready
    if takes_instructions is None:
        takes_instructions = is_instructor(given)
    load = instructed if takes_instructions else plain
    return LateModel(
        GivenModel(given), config, lambda: load(given, config),
        takes_instructions=takes_instructions,
    )  # fmt: skip


@dataclass(frozen=True)
class GivenModel:
    """A loaded model that somebody handed in: its weights are its identity."""

    model: Any
    dimensions: int | None = None

    @property
    def name(self) -> str:
        """The kind of object it is."""
        return type(self.model).__name__

    @property
    def revision(self) -> str:
        """A digest of the weights."""
        return modules_digest(self.model)


def is_instructor(model: Any) -> bool:
    """Whether it is of the package's class, or leaves the prompt of a T5 out of its pooling."""
    if any(each.__module__.startswith("InstructorEmbedding") for each in type(model).__mro__):
        return True
    inner = getattr(model[0], "auto_model", None)
    leaves_out = any(getattr(module, "include_prompt", True) is False for module in model)
    return leaves_out and getattr(getattr(inner, "config", None), "model_type", "") == "t5"
