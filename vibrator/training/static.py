"""The embedded model adapted without torch: its token vectors moved by a contrastive loss."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vibrator.encoders.embedded import EmbeddedModel
from vibrator.training.triplets import Triplet

Floats = NDArray[np.float32]

TEMPERATURE = 0.1  # of the softmax over positives and negatives of a batch
BATCH = 128
STEP = 0.01  # Adam's, times the usual size of a number of the table
DECAY = (0.9, 0.999)  # Adam's two memories
LARGEST = 127  # of an int8


@dataclass
class StaticTuner:
    """Moves the vectors of the tokens that occur; all others stay as they are."""

    model: EmbeddedModel
    triplets: Sequence[Triplet]
    seed: int

    def __post_init__(self) -> None:
        texts = [[getattr(t, role) for t in self.triplets] for role in ROLES]
        whole = [_bags(self.model, column) for column in texts]
        self.used = np.unique(np.concatenate([bag.indices for bag in whole]))
        self.bags = [bag[:, self.used] for bag in whole]
        table = self.model.table[self.used].astype(np.float32)
        self.base = table * self.model.weights[self.used, None]
        self.moved = np.zeros_like(self.base)
        self.mean, self.square = np.zeros_like(self.base), np.zeros_like(self.base)
        self.steps = 0

    @property
    def state(self) -> dict[str, NDArray[np.generic]]:
        """Everything that goes on into the next epoch."""
        return {
            "moved": self.moved,
            "mean": self.mean,
            "square": self.square,
            "steps": np.array(self.steps),
        }

    @state.setter
    def state(self, kept: dict[str, NDArray[np.generic]]) -> None:
        self.moved, self.mean, self.square = (
            np.array(kept[name], np.float32) for name in ("moved", "mean", "square")
        )
        self.steps = int(kept["steps"])

    def epoch(self, number: int) -> float:
        """Once through all triplets; gives the mean loss."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.triplets))
        losses = []
        for start in range(0, len(order), BATCH):
            loss, slope = self._loss([bag[order[start : start + BATCH]] for bag in self.bags])
            self._step(slope)
            losses.append(loss)
        return float(np.mean(losses))

    def tuned(self) -> EmbeddedModel:
        """The model with the moved vectors, in int8 again."""
        table, weights = self.model.table.copy(), self.model.weights.copy()
        moved = self.base + self.moved
        sizes = np.maximum(np.abs(moved).max(axis=1), np.finfo(np.float32).tiny) / LARGEST
        table[self.used] = np.rint(moved / sizes[:, None]).astype(np.int8)
        weights[self.used] = sizes
        digest = hashlib.sha256(table.tobytes() + weights.tobytes()).hexdigest()[:12]
        return replace(
            self.model,
            name=f"{self.model.name}-tuned",
            revision=digest,
            table=table,
            weights=weights,
        )

    def _loss(self, bags: list[sparse.csr_matrix]) -> tuple[float, Floats]:
        """Cross-entropy of finding each positive among all positives and negatives."""
        sums = [bag @ (self.base + self.moved) for bag in bags]
        lengths = [np.linalg.norm(rows, axis=1, keepdims=True) for rows in sums]
        anchor, positive, negative = (s / n for s, n in zip(sums, lengths, strict=True))
        choices = np.concatenate([positive, negative])
        logits = anchor @ choices.T / TEMPERATURE
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        own = np.arange(len(anchor))
        loss = -np.log(np.maximum(shares[own, own], 1e-12)).mean()
        shares[own, own] -= 1.0
        shares /= len(anchor) * TEMPERATURE
        to_choices = shares.T @ anchor
        slopes = (shares @ choices, to_choices[: len(own)], to_choices[len(own) :])
        slope = sum(
            bag.T @ ((d - (d * u).sum(axis=1, keepdims=True) * u) / n)
            for bag, d, u, n in zip(
                bags, slopes, (anchor, positive, negative), lengths, strict=True
            )
        )
        return float(loss), np.asarray(slope, np.float32)

    def _step(self, slope: Floats) -> None:
        self.steps += 1
        first, second = DECAY
        self.mean = first * self.mean + (1 - first) * slope
        self.square = second * self.square + (1 - second) * slope**2
        mean = self.mean / (1 - first**self.steps)
        square = self.square / (1 - second**self.steps)
        size = STEP * float(np.abs(self.base).mean())
        self.moved -= (size * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)


ROLES = ("anchor", "positive", "negative")


def save_static(model: EmbeddedModel, base: Path, folder: Path) -> None:
    """Write a folder that `InstructionalEncoder(folder)` reads, with the base's tokenizer."""
    files = {
        "model.safetensors": _safetensors({"weights": model.weights, "table": model.table}),
        "tokenizer.json": (base / "tokenizer.json").read_bytes(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    facts = {
        "vibrator": "embedded",
        "name": model.name,
        "dimensions": model.dimensions,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    (folder / "config.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _safetensors(tensors: dict[str, NDArray[np.generic]]) -> bytes:
    header, place = {}, 0
    for name, tensor in tensors.items():
        kind = {"int8": "I8", "float32": "F32"}[tensor.dtype.name]
        end = place + tensor.nbytes
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": [place, end]}
        place = end
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + b"".join(t.tobytes() for t in tensors.values())


def _bags(model: EmbeddedModel, texts: Sequence[str]) -> sparse.csr_matrix:
    tokens, lengths = model.token_ids(texts)
    places = np.repeat(np.arange(len(texts)), lengths)
    shape = (len(texts), len(model.table))
    return sparse.csr_matrix((np.ones(len(tokens), np.float32), (places, tokens)), shape)
