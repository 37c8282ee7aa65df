"""A model that says who it is from its files, and is loaded at the first text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.checkpoints import kept_dimensions
from vibrator.encoders.ports import EncoderConfig
from vibrator.vectors import unit

Vectors = NDArray[np.float32]


class Identity(Protocol):
    """What is known without loading; dimensions only where the files tell them."""

    @property
    def name(self) -> str:
        """What it was asked for by."""
        ...

    @property
    def revision(self) -> str:
        """Identity of its content."""
        ...

    @property
    def dimensions(self) -> int | None:
        """Length of its vectors, where the files tell it."""
        ...


class Network(Protocol):
    """The loaded model, safe to ask from many threads."""

    @property
    def dimensions(self) -> int:
        """Length of its vectors."""
        ...

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row a text, at least one text."""
        ...


class LateModel:
    """The encoder model in front of a network: loads it once, cuts its vectors where asked to."""

    def __init__(
        self,
        identity: Identity,
        config: EncoderConfig,
        load: Callable[[], Network],
        *,
        takes_instructions: bool,
    ) -> None:
        self.name = identity.name
        self.takes_instructions = takes_instructions
        self._identity = identity
        self._config = config
        self._load = load
        self._loading = Lock()

    @cached_property
    def revision(self) -> str:
        """Identity of the weights."""
        return self._identity.revision

    @cached_property
    def dimensions(self) -> int:
        """Length of every vector."""
        return kept_dimensions(self._config, self._identity.dimensions or self._network.dimensions)

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row a text, in their order; cut vectors are made unit length again."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        rows = self._network.vectors(instruction, texts)
        return rows if rows.shape[1] == self.dimensions else unit(rows[:, : self.dimensions])

    @property
    def _network(self) -> Network:
        with self._loading:
            return self._loaded

    @cached_property
    def _loaded(self) -> Network:
        return self._load()
