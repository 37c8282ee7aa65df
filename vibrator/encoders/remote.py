"""Vectors from an OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.late import LateModel
from vibrator.encoders.ports import EncoderConfig
from vibrator.errors import BadInput, ModelUnavailable
from vibrator.http import JsonClient
from vibrator.vectors import blocks

Vectors = NDArray[np.float32]

KEY_FROM = "OPENAI_API_KEY"
UNPINNED = "unpinned"
FIRST_PAUSE_SECONDS = 0.5  # at most, before the second attempt; it doubles from there


@dataclass(frozen=True, slots=True)
class RemoteIdentity:
    """What can be known of a model behind an endpoint without asking it."""

    name: str
    revision: str
    dimensions: int | None


class RemoteNetwork:
    """The endpoint, asked in batches."""

    def __init__(self, client: JsonClient, model: str, config: EncoderConfig) -> None:
        self.client = client
        self.model = model
        self.batch_size = config.batch_size
        self.wanted = config.dimensions
        self._found: int | None = None

    @property
    def dimensions(self) -> int:
        """The dimensions asked for, or found out by sending one word."""
        return self.wanted or self._found or self.vectors("", ["word"]).shape[1]

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row a text; the endpoint takes no instruction."""
        del instruction
        parts = [self._batch(texts[block]) for block in blocks(len(texts), self.batch_size)]
        return np.concatenate(parts)

    def _batch(self, texts: Sequence[str]) -> Vectors:
        asked: dict[str, Any] = {
            "model": self.model,
            "input": list(texts),
            "encoding_format": "float",
        }
        if self.wanted is not None:
            asked["dimensions"] = self.wanted
        rows = self._rows(self.client.post("/embeddings", asked), len(texts))
        expected = self.wanted or self._found or rows.shape[1]
        if rows.shape[1] != expected:
            raise ModelUnavailable(
                f"{self.model} at {self.client.url} sent vectors of {rows.shape[1]} numbers where"
                f" {expected} were expected: name the dimensions it has"
            )
        self._found = expected
        return rows

    def _rows(self, reply: Any, count: int) -> Vectors:
        try:
            data = sorted(reply["data"], key=lambda entry: entry["index"])
            rows = np.array([entry["embedding"] for entry in data], np.float32)
            complete = [entry["index"] for entry in data] == list(range(count))
        except (KeyError, TypeError, ValueError):
            raise ModelUnavailable(f"{self.client.url} sent no embeddings") from None
        if not complete or rows.ndim != 2 or not np.isfinite(rows).all():
            raise ModelUnavailable(f"{self.client.url} did not send {count} whole embeddings")
        return rows


def open_remote(config: EncoderConfig) -> LateModel:
    """The model that a URL names behind its "#": https://api.example/v1#text-embedding-3-small.

    The key is read here from the environment, and sent nowhere but to that server; a server on
    this machine may go without.
    """
    url, _, model = config.model_name.partition("#")
    if not model:
        raise BadInput(f"name the model behind the URL, {url}#text-embedding-3-small say")
    key = os.environ.get(KEY_FROM)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    client = JsonClient(url, headers, timeout=config.timeout_seconds, pause=FIRST_PAUSE_SECONDS)
    if not key and not client.local:
        raise BadInput(f"set the environment variable {KEY_FROM} to the key of {client.url}")
    known = RemoteIdentity(f"{client.url}#{model}", config.revision or UNPINNED, config.dimensions)
    return LateModel(
        known, config, lambda: RemoteNetwork(client, model, config), takes_instructions=False
    )
