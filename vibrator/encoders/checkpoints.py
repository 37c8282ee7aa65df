"""A model folder, told from its files alone: no weights are loaded to know what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import SHORT_NAMES, ways_out
from vibrator.errors import ArtefactError, BadInput, ModelUnavailable
from vibrator.optional import need

WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.onnx")
NOT_NEEDED = ("onnx/*", "openvino/*", "coreml/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf")
NO_PART_OF_IT = {"README.md", ".gitattributes"}


@dataclass(frozen=True)
class Checkpoint:
    """Where a model lies and what its files say about it."""

    name: str
    folder: Path

    @cached_property
    def revision(self) -> str:
        """The hub's commit, or a digest of the content for a folder of your own."""
        if self.folder.parent.name == "snapshots":
            return self.folder.name
        return folder_digest(self.folder)

    @cached_property
    def dimensions(self) -> int | None:
        """Length of its vectors, or None where only the loaded model can say."""
        length: int | None = None
        for module in self.modules:
            facts = self.facts(f"{module.get('path', '')}/config.json".lstrip("/"))
            kind = str(module.get("type", "")).rpartition(".")[2]
            if kind not in KEEP_LENGTH:
                length = READERS[kind](facts) if kind in READERS else None
        return length

    @property
    def modules(self) -> list[dict[str, Any]]:
        """The chain of modules, as sentence-transformers lists it."""
        found = _read_json(self.folder / "modules.json")
        return found if isinstance(found, list) else [{"type": "Transformer"}]

    def facts(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder, empty where there is none."""
        found = _read_json(self.folder / name)
        return found if isinstance(found, dict) else {}


def find_checkpoint(config: EncoderConfig) -> Checkpoint:
    """The folder of the model: the one named, or the hub's copy, fetched if it is not here yet."""
    folder = Path(config.model_name).expanduser()
    if folder.is_dir():
        return Checkpoint(config.model_name, folder)
    name = SHORT_NAMES.get(config.model_name, config.model_name)
    return Checkpoint(name, _snapshot(name, config.revision))


def kept_dimensions(config: EncoderConfig, full: int) -> int:
    """How many of the model's dimensions the configuration keeps."""
    wanted = full if config.dimensions is None else config.dimensions
    if wanted > full:
        raise BadInput(f"dimensions must be at most the model's {full}, got {wanted}")
    return wanted


def folder_digest(folder: Path) -> str:
    """What the files contain, whatever the folder is called and whenever it was copied."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.name in NO_PART_OF_IT or path.name.startswith("."):
            continue
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _snapshot(name: str, revision: str | None) -> Path:
    hub = need("huggingface_hub", extra="instructor")
    try:  # what is here already is taken as it is: nothing changes under a running application
        folder = Path(hub.snapshot_download(name, revision=revision, local_files_only=True))
        if _is_complete(folder):
            return folder
    except (OSError, ValueError):
        pass  # not here yet
    try:
        return Path(
            hub.snapshot_download(name, revision=revision, ignore_patterns=list(NOT_NEEDED))
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelUnavailable(
            f"{name} is not on this machine and could not be had from the hub"
            f" ({type(error).__name__}: {reason}); {ways_out()}"
        ) from error


def _is_complete(folder: Path) -> bool:
    return any(next(folder.rglob(pattern), None) for pattern in WEIGHTS)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path} cannot be read: {error}") from error


def _hidden_size(facts: dict[str, Any]) -> int | None:
    return facts.get("hidden_size") or facts.get("d_model") or facts.get("dim")


def _pooled_size(facts: dict[str, Any]) -> int | None:
    width = facts.get("embedding_dimension") or facts.get("word_embedding_dimension")
    mode = facts.get("pooling_mode")
    modes = [mode] if isinstance(mode, str) else mode
    flags = [on for name, on in facts.items() if name.startswith("pooling_mode_") and on]
    return width * max(len(modes or flags), 1) if width else None


KEEP_LENGTH = {"Normalize", "Dropout", "LayerNorm"}
READERS: dict[str, Callable[[dict[str, Any]], int | None]] = {
    "Transformer": _hidden_size,
    "Pooling": _pooled_size,
    "Dense": lambda facts: facts.get("out_features"),
}
