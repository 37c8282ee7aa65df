"""What a model says about nothing in particular: the mean that alignment takes away."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vibrator.encoders.ports import EncoderModel
from vibrator.errors import ArtefactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORTH_KEEPING_SECONDS = 0.5  # a mean that took longer to compute is kept on disk


@cache
def background_texts() -> tuple[str, ...]:
    """The shipped texts, about a bit of everything."""
    lines = files("vibrator.encoders").joinpath("background.txt").read_text(encoding="utf-8")
    return tuple(lines.splitlines())


@cache
def background_digest() -> str:
    """Identity of the shipped texts, part of every fingerprint."""
    return hashlib.sha256("\n".join(background_texts()).encode()).hexdigest()[:12]


def background_mean(
    model: EncoderModel, instruction: str, sentence: Callable[[str], str]
) -> NDArray[np.float32]:
    """Mean vector of the background texts, worded and instructed as a role words them."""
    texts = [sentence(text) for text in background_texts()]
    kept = _kept_at(model, instruction, texts)
    if kept.exists():
        return _read(kept, model.dimensions)
    start = time.perf_counter()
    mean = model.vectors(instruction, texts).mean(axis=0, dtype=np.float64).astype(np.float32)
    if time.perf_counter() - start > WORTH_KEEPING_SECONDS:
        _write(kept, mean)
    return np.asarray(mean)


def _kept_at(model: EncoderModel, instruction: str, texts: list[str]) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parts = (model.name, model.revision, str(model.dimensions), instruction, *texts)
    key = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
    return home / "vibrator" / "background" / f"{key}.npy"


def _read(path: Path, dimensions: int) -> NDArray[np.float32]:
    try:
        mean = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ArtefactError(f"background mean {path} is torn, delete it: {error}") from error
    if mean.shape != (dimensions,) or not np.isfinite(mean).all():
        raise ArtefactError(f"background mean {path} does not fit the model, delete it")
    return np.asarray(mean, dtype=np.float32)


def _write(path: Path, mean: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        np.save(file, mean, allow_pickle=False)
    unfinished.replace(path)
