"""An encoder where other libraries expect theirs: LangChain, scikit-learn, Chroma."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from vibrator.errors import BadInput
from vibrator.optional import need

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """What the adapters need of an InstructionalEncoder."""

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identity of the vectors."""
        ...

    def encode_items(self, texts: Iterable[str]) -> Vectors:
        """One row a piece of content."""
        ...

    def encode_sliders(self, texts: Iterable[str]) -> Vectors:
        """One row a preference in words."""
        ...


def as_langchain(encoder: Encoder) -> Any:
    """A LangChain `Embeddings`: documents read as content, queries as preferences in words."""
    base: Any = need("langchain_core.embeddings", extra="langchain").Embeddings

    class VibratorEmbeddings(base):  # type: ignore[misc]  # the base arrives late
        """Embeddings by an InstructionalEncoder."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            vectors: list[list[float]] = encoder.encode_items(texts).tolist()
            return vectors

        def embed_query(self, text: str) -> list[float]:
            vector: list[float] = encoder.encode_sliders([text])[0].tolist()
            return vector

    return VibratorEmbeddings()


class EncoderTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """A scikit-learn transformer: a column of texts in, a row of numbers a text out."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def fit(self, X: Any, y: Any = None) -> EncoderTransformer:
        """Nothing is learned: the encoder is ready."""
        del y
        _column(X)
        self.n_features_in_ = 1
        return self

    def transform(self, X: Any) -> Vectors:
        """One row a text."""
        return self.encoder.encode_items(_column(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """One name a column: vector0, vector1 and so on."""
        del input_features
        return np.array([f"vector{i}" for i in range(self.encoder.dimensions)], dtype=object)

    def __sklearn_clone__(self) -> EncoderTransformer:
        return EncoderTransformer(self.encoder)  # shared: it is neither learned nor changed

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.requires_fit = False
        return tags


class ChromaFunction:
    """Chroma's embedding function: a list of documents in, a list of vectors out."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def __call__(self, input: Sequence[str]) -> list[Vectors]:  # noqa: A002  # Chroma's name
        """Documents, read as content."""
        return list(self._encoder.encode_items(input))

    def embed_query(self, input: Sequence[str]) -> list[Vectors]:  # noqa: A002  # Chroma's name
        """Queries, read as preferences in words."""
        return list(self._encoder.encode_sliders(input))

    @staticmethod
    def name() -> str:
        """How a collection remembers the function."""
        return "vibrator"

    def default_space(self) -> str:
        """The vectors are unit length: compare them by cosine."""
        return "cosine"

    def supported_spaces(self) -> list[str]:
        """Any will do for unit vectors."""
        return ["cosine", "l2", "ip"]

    def is_legacy(self) -> bool:
        """The present protocol is spoken, configuration included."""
        return False

    def get_config(self) -> dict[str, Any]:
        """The fingerprint, so that a collection is not read with another model."""
        return {"fingerprint": self._encoder.fingerprint}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> ChromaFunction:
        """A collection remembers which encoder filled it, and cannot hold the encoder itself."""
        raise BadInput(
            f"hand the embedding function of encoder {config.get('fingerprint')} over when you open"
            " the collection: get_collection(name, embedding_function=...)"
        )

    def validate_config(self, config: dict[str, Any]) -> None:
        """Refuse a collection that another encoder filled."""
        if config.get("fingerprint") not in (None, self._encoder.fingerprint):
            raise BadInput(
                f"the collection was filled by encoder {config['fingerprint']}, this one is"
                f" {self._encoder.fingerprint}"
            )

    def validate_config_update(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Refuse to put another encoder behind vectors that exist."""
        del old
        self.validate_config(new)


def _column(X: Any) -> list[str]:
    values = np.asarray(X, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise BadInput(f"X must be one column of texts, got the shape {values.shape}")
    return list(values)
