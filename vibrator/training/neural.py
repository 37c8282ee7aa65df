"""Instructor and sentence-transformers models adapted on torch, whole or by LoRA."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoder import ACTION_INSTRUCTION, ITEM_INSTRUCTION
from vibrator.encoders.checkpoints import find_checkpoint
from vibrator.encoders.instructor import InstructorNetwork
from vibrator.encoders.ports import EncoderConfig, EncoderModel
from vibrator.encoders.registry import kind_of
from vibrator.encoders.sentence import model_from_object
from vibrator.encoders.tokens import padded
from vibrator.encoders.torch_models import load_modules, to_numpy
from vibrator.optional import need
from vibrator.training.triplets import Triplet

LEARNING_RATES = {False: 2e-5, True: 5e-4}  # of all weights, and of LoRA's few
RANK = 8
MARGIN = 0.3  # of cosine, between a positive and a negative
SCALE = 20.0  # of cosine, in the softmax of multiple negatives
TUNED_BATCH = 32


class NeuralTuner:
    """Trains without dropout, so that a resumed run equals an unbroken one."""

    def __init__(
        self,
        config: EncoderConfig,
        triplets: Sequence[Triplet],
        *,
        seed: int,
        loss: str,
        lora: bool,
        learning_rate: float | None = None,
    ) -> None:
        self.torch = need("torch", extra="train")
        self.config = replace(config, backend="torch", precision="fp32", dimensions=None)
        self.triplets = triplets
        self.seed = seed
        self.loss = LOSSES[loss]
        self.takes_instructions = kind_of(self.config) == "instructor"
        self.source = find_checkpoint(self.config)
        self.model = load_modules(self.source, self.config).eval()
        self.network = InstructorNetwork(list(self.model), TUNED_BATCH)
        self.adapter = self._with_adapter() if lora else None
        self.weights = [w for w in self.model.parameters() if w.requires_grad]
        rate = learning_rate or LEARNING_RATES[lora]
        self.optimizer = self.torch.optim.AdamW(self.weights, lr=rate)

    @property
    def state(self) -> dict[str, NDArray[np.generic]]:
        """Weights and the optimizer's memory."""
        kept: dict[str, NDArray[np.generic]] = {}
        for place, weight in enumerate(self.weights):
            kept[f"{place}.weight"] = to_numpy(weight)
            for name, value in self.optimizer.state.get(weight, {}).items():
                kept[f"{place}.{name}"] = to_numpy(value)
        return kept

    @state.setter
    def state(self, kept: dict[str, NDArray[np.generic]]) -> None:
        for place, weight in enumerate(self.weights):
            own = {
                name.partition(".")[2]: self.torch.from_numpy(np.array(value)).to(weight.device)
                for name, value in kept.items()
                if name.partition(".")[0] == str(place)
            }
            with self.torch.no_grad():
                weight.copy_(own.pop("weight"))
            self.optimizer.state[weight] = own

    def epoch(self, number: int) -> float:
        """Once through all triplets; gives the mean loss."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.triplets))
        losses = []
        for start in range(0, len(order), TUNED_BATCH):
            batch = [self.triplets[i] for i in order[start : start + TUNED_BATCH].tolist()]
            loss = self.loss(
                self.torch,
                self._embedded(ACTION_INSTRUCTION, [t.anchor for t in batch]),
                self._embedded(ITEM_INSTRUCTION, [t.positive for t in batch]),
                self._embedded(ITEM_INSTRUCTION, [t.negative for t in batch]),
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def tuned(self) -> EncoderModel:
        """The model in memory, LoRA merged into it."""
        self._merge()
        return model_from_object(
            self.model, self.config, takes_instructions=self.takes_instructions
        )

    def save(self, folder: Path) -> None:
        """A folder like the base's; LoRA's own weights lie beside, in adapter/."""
        if self.adapter is not None:
            with _of_its_own():
                self.adapter.save_pretrained(str(folder / "adapter"))
        self._merge()
        self.model.save_pretrained(str(folder), create_model_card=False)
        tokenizer = self.source.folder / "tokenizer.json"
        if tokenizer.exists():  # transformers 5 writes T5 tokenizers without their normalisation
            shutil.copyfile(tokenizer, folder / "tokenizer.json")

    def _with_adapter(self) -> Any:
        peft = need("peft", extra="train")
        for weight in self.model.parameters():
            weight.requires_grad_(False)  # noqa: FBT003  # torch's own signature
        with self.torch.random.fork_rng():
            self.torch.manual_seed(self.seed)
            settings = peft.LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear")
            with _of_its_own():
                return peft.get_peft_model(self.network.transformer.auto_model, settings)

    def _merge(self) -> None:
        if self.adapter is not None:
            self.adapter.merge_and_unload()
            self.adapter = None

    def _embedded(self, instruction: str, texts: Sequence[str]) -> Any:
        tokens = self.network.tokenizer.tokens(
            instruction if self.takes_instructions else "", texts
        )
        model = self.network.transformer.auto_model
        ids, attended, pooled = (
            self.torch.from_numpy(matrix).to(model.device)
            for matrix in padded(tokens, pad_id=self.network.pad_id)
        )
        hidden = model(input_ids=ids, attention_mask=attended, return_dict=False)[0]
        features = {"token_embeddings": hidden, "attention_mask": pooled}
        for module in self.network.head:
            features = module(features)
        return self.torch.nn.functional.normalize(features["sentence_embedding"], dim=1)


@contextmanager
def _of_its_own() -> Iterator[None]:
    # peft trips over deprecations of transformers, which are not for our callers to mend.
    with warnings.catch_warnings(action="ignore"):
        yield


def triplet_loss(torch: Any, anchor: Any, positive: Any, negative: Any) -> Any:
    """How far the negative comes within the margin of the positive."""
    return torch.relu((anchor * negative).sum(1) - (anchor * positive).sum(1) + MARGIN).mean()


def contrastive_loss(torch: Any, anchor: Any, positive: Any, negative: Any) -> Any:
    """Positives drawn together, negatives pushed below the margin."""
    apart = 1 - (anchor * positive).sum(1)
    near = torch.relu((anchor * negative).sum(1) - MARGIN)
    return (apart**2 + near**2).mean() / 2


def multiple_negatives_loss(torch: Any, anchor: Any, positive: Any, negative: Any) -> Any:
    """Cross-entropy of finding each positive among all positives and negatives of the batch."""
    logits = SCALE * anchor @ torch.cat([positive, negative]).T
    own = torch.arange(len(anchor), device=logits.device)
    return torch.nn.functional.cross_entropy(logits, own)


LOSSES: dict[str, Callable[..., Any]] = {
    "triplet": triplet_loss,
    "contrastive": contrastive_loss,
    "mnrl": multiple_negatives_loss,
}
