"""Instructor, natively: the instruction verbatim in front, and left out of the pooling.

sentence-transformers loads the modules; the batches run on our own path through them, which is
the same for a folder, a hub id and an INSTRUCTOR object of the InstructorEmbedding package.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.batching import Batcher
from vibrator.encoders.checkpoints import find_checkpoint
from vibrator.encoders.late import LateModel
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.tokens import InstructedTokenizer, Tokens, padded
from vibrator.encoders.torch_models import load_modules, place, to_numpy
from vibrator.optional import need

Vectors = NDArray[np.float32]


class InstructorNetwork:
    """The loaded modules: a transformer, then pooling and whatever follows."""

    def __init__(self, modules: list[Any], batch_size: int) -> None:
        self.transformer, *self.head = modules
        self.pad_id = int(self.transformer.tokenizer.pad_token_id or 0)
        self.tokenizer = InstructedTokenizer(
            tokenizer_json(self.transformer.tokenizer),
            int(self.transformer.max_seq_length),
            bool(getattr(self.transformer, "do_lower_case", False)),
        )
        self.batcher = Batcher(self.forward, batch_size=batch_size)

    @cached_property
    def dimensions(self) -> int:
        """Found out by reading one word."""
        return int(self.vectors("", ["word"]).shape[1])

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row a text, run in batches of similar length."""
        tokens = self.tokenizer.tokens(instruction, texts)
        return self.batcher.rows(tokens, [len(each.ids) for each in tokens])

    def forward(self, batch: list[Tokens]) -> Vectors:
        """One batch through all modules; the pooling sees only what is not instruction."""
        torch = need("torch", extra="instructor")
        model = self.transformer.auto_model
        ids, attended, pooled = (
            torch.from_numpy(matrix).to(model.device)
            for matrix in padded(batch, pad_id=self.pad_id)
        )
        with torch.inference_mode():
            hidden = model(input_ids=ids, attention_mask=attended, return_dict=False)[0]
            features = {"token_embeddings": hidden.float(), "attention_mask": pooled}
            for module in self.head:
                features = module(features)
        return to_numpy(features["sentence_embedding"])


def tokenizer_json(loaded: Any) -> str:
    """The tokenizer as its file says it.

    transformers 5 rebuilds T5 tokenizers from their vocabulary and drops the normalisation of the
    file: composed and decomposed accents, ligatures and full-width letters then get other ids.
    """
    folder = Path(loaded.name_or_path)
    if not folder.is_dir():
        folder = find_checkpoint(EncoderConfig(loaded.name_or_path)).folder
    file = folder / "tokenizer.json"
    return file.read_text("utf-8") if file.exists() else str(loaded.backend_tokenizer.to_str())


def open_instructor(config: EncoderConfig) -> LateModel:
    """Instructor by hub id, short name or folder."""
    found = find_checkpoint(config)
    return LateModel(
        found, config, lambda: instructed(load_modules(found, config), config),
        takes_instructions=True,
    )  # fmt: skip


def instructed(model: Any, config: EncoderConfig) -> InstructorNetwork:
    """The modules of a loaded model on the native path."""
    return InstructorNetwork(list(place(model, config)), config.batch_size)
