"""The one contract between words and vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from vibrator.checks import require_count, require_positive, require_text
from vibrator.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_MODEL = "hkunlp/instructor-base"
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Which model reads the words, on what, and how its vectors are aligned.

    `model_name` is "embedded", a hub id, a folder, an OpenAI-compatible URL, or "kind:name" for a
    registered kind. `center`, `normalize_layer` and `normalize_l2` are the three steps of the
    alignment, in that order. `memory_vectors` bounds the vectors kept in this process.
    """

    model_name: str = DEFAULT_MODEL
    device: str | None = None
    batch_size: int = 32
    normalize_layer: bool = True
    normalize_l2: bool = True
    center: bool = True
    dimensions: int | None = None
    revision: str | None = None
    backend: str = "torch"
    precision: str = "fp32"
    timeout_seconds: float = 30.0
    show_progress: bool | None = None
    memory_vectors: int = 50_000

    def __post_init__(self) -> None:
        for name in ("model_name", "backend", "precision"):
            require_text(name, getattr(self, name))
        for name in ("device", "revision"):
            if getattr(self, name) is not None:
                require_text(name, getattr(self, name))
        for name in ("batch_size", "memory_vectors"):
            require_count(name, getattr(self, name))
        if self.dimensions is not None:
            require_count("dimensions", self.dimensions)
        require_positive("timeout_seconds", self.timeout_seconds)


@runtime_checkable
class EncoderModel(Protocol):
    """Reads texts under an instruction: n in, n out, in the same order, not yet aligned.

    Opening one is cheap; weights are loaded when the first vectors are asked for.
    """

    @property
    def name(self) -> str:
        """What it was asked for by."""
        ...

    @property
    def revision(self) -> str:
        """Identity of its content: part of every fingerprint and cache key."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    @property
    def takes_instructions(self) -> bool:
        """Whether the instruction changes the vector."""
        ...

    def vectors(self, instruction: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        ...


def is_instant(model: EncoderModel) -> bool:
    """Whether it says that it reads a text quicker than a store finds its vector."""
    return bool(getattr(model, "instant", False))


def require_model(given: Any) -> None:
    """Refuse what neither is a model of ours nor encodes as models of others do."""
    # asking isinstance would load a model to see its dimensions
    if not (
        hasattr(given, "vectors") or (hasattr(given, "encode") and hasattr(given, "state_dict"))
    ):
        raise BadInput(
            "an encoder must be a name, an EncoderConfig, an INSTRUCTOR, a SentenceTransformer"
            f" or have name, revision, dimensions, takes_instructions and vectors, got {given!r}"
        )


Factory = Callable[[EncoderConfig], EncoderModel]


def require_texts(texts: Sequence[Any]) -> list[str]:
    """The texts as a list, each with words in it; instruction-text pairs are refused."""
    if isinstance(texts, (str, bytes)):
        raise BadInput(f"texts must be a list of texts, got the single text {texts[:40]!r}")
    if not hasattr(texts, "__iter__"):
        raise BadInput(f"texts must be a list of texts, got {texts!r}")
    checked = list(texts)
    for position, text in enumerate(checked):
        if isinstance(text, (list, tuple)):
            raise BadInput(
                f"texts[{position}] must be a text, got {text!r}: an instruction goes into "
                "encode_freeform(instruction, texts), not beside the text"
            )
        require_text(f"texts[{position}]", text)
    return checked
