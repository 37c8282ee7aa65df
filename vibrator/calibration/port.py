"""The port of every calibrator: a frozen value that is fitted, transforms and is kept as JSON."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from vibrator.calibration.labels import finite_array
from vibrator.checks import require_path
from vibrator.errors import ArtefactError, BadInput, NotFitted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DOCUMENT_VERSION = 1
DOCUMENT_KEYS = {"kind", "version", "parameters", "checksum"}


class Calibrator(ABC):
    """From scores to probabilities; its fields are its parameters, None until fitted."""

    __slots__ = ()
    kind: ClassVar[str]
    __match_args__: ClassVar[tuple[str, ...]]  # the fields, as the dataclass lists them

    @abstractmethod
    def fit(
        self, scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None
    ) -> Self:
        """A new calibrator of this kind, fitted; this one stays as it is."""

    @abstractmethod
    def _probabilities(self, scores: Floats) -> Floats:
        """The map itself, on finite scores, once fitted."""

    def transform(self, scores: ArrayLike) -> Floats:
        """Probabilities in the shape of the scores."""
        return self._probabilities(finite_array("scores", scores))[()]

    @property
    def fitted(self) -> bool:
        """Whether every parameter is known."""
        return all(getattr(self, name) is not None for name in self.__match_args__)

    def parameters(self) -> dict[str, Any]:
        """Field by field, as plain numbers and lists."""
        values = (v.tolist() if isinstance(v, np.ndarray) else v for v in self._known())
        return dict(zip(self.__match_args__, values, strict=True))

    def document(self) -> dict[str, Any]:
        """Kind, version, parameters and their checksum: what `save` writes."""
        body = {"kind": self.kind, "version": DOCUMENT_VERSION, "parameters": self.parameters()}
        return {**body, "checksum": _checksum(body)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document as JSON, whole or not at all."""
        target = Path(path)
        text = json.dumps(self.document(), allow_nan=False)
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read back a calibrator of this kind."""
        return cls.from_document(read_document(path))

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """The value that `document()` described; a torn, changed or foreign one is refused."""
        kind, parameters = check_document(document)
        if kind != cls.kind:
            raise ArtefactError(f"kind must be {cls.kind!r} for {cls.__name__}, got {kind!r}")
        try:
            return cls(**parameters)
        except (BadInput, TypeError) as error:
            raise ArtefactError(f"parameters of a {kind} calibrator are wrong: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        if not (self.fitted and other.fitted):
            return self.fitted == other.fitted
        return self.parameters() == other.parameters()

    def __hash__(self) -> int:
        return hash(_checksum(self.parameters()) if self.fitted else self.kind)

    def _known(self) -> tuple[Any, ...]:
        if not self.fitted:
            raise NotFitted(f"{type(self).__name__} has no parameters yet: call fit first")
        return tuple(getattr(self, name) for name in self.__match_args__)


def read_document(path: str | os.PathLike[str]) -> Any:
    """The JSON of a file."""
    file = require_path("path", path)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is not a JSON document: {error}") from error


def check_document(document: Any) -> tuple[str, dict[str, Any]]:
    """Kind and parameters of a document whose form, version and checksum hold."""
    if not isinstance(document, dict) or document.keys() != DOCUMENT_KEYS:
        raise ArtefactError(
            f"a calibrator document has {sorted(DOCUMENT_KEYS)}, got {document!r:.80}"
        )
    if document["version"] != DOCUMENT_VERSION:
        raise ArtefactError(f"version must be {DOCUMENT_VERSION}, got {document['version']!r}")
    body = {key: document[key] for key in ("kind", "version", "parameters")}
    if document["checksum"] != _checksum(body):
        raise ArtefactError(f"checksum does not match the parameters, got {document['checksum']!r}")
    if not isinstance(document["parameters"], dict):
        raise ArtefactError(f"parameters must be named, got {document['parameters']!r:.80}")
    return document["kind"], document["parameters"]


def frozen_row(name: str, values: Any) -> Floats:
    """A private, read-only copy of a row of numbers."""
    row = np.array(finite_array(name, values))
    row.setflags(write=False)
    return row


def _checksum(body: Any) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
