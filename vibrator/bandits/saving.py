"""A bandit as one .npz file: arrays, and a manifest with their checksums; never pickle."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from vibrator.bandits.bandit import Bandit
from vibrator.bandits.explorers import EXPLORERS, Explorer
from vibrator.bandits.models import MODELS
from vibrator.checks import read_or_refused
from vibrator.errors import ArtefactError, BadInput, ModelUnavailable

FORMAT = "vibrator-bandit"
VERSION = 1


def save_bandit(bandit: Bandit, path: Path | str) -> Path:
    """Write everything the bandit is; a name without a suffix gets .npz."""
    arrays = bandit.model.state()
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "arms": list(bandit.arms),
        "model": {"kind": _kind(MODELS, bandit.model), **bandit.model.config()},
        "explorer": {"kind": _kind(EXPLORERS, bandit.explorer), **_settings(bandit.explorer)},
        "sha256": {name: _digest(array) for name, array in arrays.items()},
    }
    target = Path(path) if Path(path).suffix else Path(path).with_suffix(".npz")
    with target.open("wb") as file:
        np.savez(file, manifest=np.array(json.dumps(manifest)), **arrays)
    return target


def load_bandit(path: Path | str) -> Bandit:
    """Read it back, to the bit; a torn, foreign or altered file is refused."""
    with read_or_refused(path, ArtefactError):
        return _rebuilt(path, *_read(Path(path)))


def _rebuilt(path: Path | str, manifest: dict[str, Any], arrays: dict[str, Any]) -> Bandit:
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise ArtefactError(f"{path} is not a {FORMAT} of version {VERSION}")
    for name, digest in manifest["sha256"].items():
        if name not in arrays or _digest(arrays[name]) != digest:
            raise ArtefactError(f"{path}: the array {name!r} does not match its checksum")
    model = _make(MODELS, manifest["model"])
    model.restore(arrays)
    return Bandit(manifest["arms"], model, _make(EXPLORERS, manifest["explorer"]))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return json.loads(str(arrays.pop("manifest"))), arrays
    except FileNotFoundError:
        raise ModelUnavailable(f"no bandit is saved at {path}") from None
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"{path} cannot be read as a bandit: {error}") from None


def _kind(registry: dict[str, Any], value: object) -> str:
    for name, made in registry.items():
        if type(value) is made:
            return name
    raise BadInput(f"{type(value).__name__} is not registered; known: {sorted(registry)}")


def _settings(explorer: Explorer) -> dict[str, Any]:
    values = {f.name: getattr(explorer, f.name) for f in fields(explorer)}  # type: ignore[arg-type]
    return {name: None if value == math.inf else value for name, value in values.items()}


def _make(registry: dict[str, Any], settings: dict[str, Any]) -> Any:
    values = dict(settings)
    kind = values.pop("kind", None)
    if kind not in registry:
        raise ArtefactError(f"no {kind!r} is registered; known: {sorted(registry)}")
    if values.get("half_life", 0) is None:  # JSON has no infinity
        values["half_life"] = math.inf
    return registry[kind](**values)


def _digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
