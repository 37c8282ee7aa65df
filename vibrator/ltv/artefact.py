"""A model as a folder: JSON, LightGBM's own text, and a manifest that vouches for every byte."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from vibrator.errors import ArtefactError, BadInput
from vibrator.ltv.boosting import Trees
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.model import LtvModel
from vibrator.ltv.pipeline import Baseline, Trained
from vibrator.ltv.plain import Leaves, from_plain, to_plain
from vibrator.ltv.stack import XgbTrees

FORMAT = 1
MANIFEST, MODEL, REPORT = "manifest.json", "model.json", "report.json"
BASELINE = "baseline.json"
T = TypeVar("T")
VERSIONS = ("vibrator", "lightgbm", "numpy", "pandas")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds and where it comes from."""

    format: int
    versions: Mapping[str, str]
    window: tuple[str, ...]
    config: Mapping[str, Any]
    schema: Mapping[str, str]
    metrics: Mapping[str, Any]
    checksums: Mapping[str, str]


def save(trained: Trained, folder: str | Path, *, config: LtvConfig) -> Manifest:
    """Write the model beside the target and move it there whole; an old model is replaced."""
    home = Path(folder)
    require_home(home)
    draft = home.with_name(f".{home.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        _write_model(trained, draft)
        _write(draft / REPORT, trained.report)
        manifest = _manifest(trained, draft, config)
        _write(draft / MANIFEST, to_plain(manifest))
        if home.exists():
            shutil.rmtree(home)
        draft.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def require_home(folder: str | Path) -> None:
    """Refuse a place where a model cannot be put without harm to what is there."""
    home = Path(folder)
    if home.exists() and not home.is_dir():
        raise BadInput(f"{home} is a file; a model needs a folder")
    if home.exists() and any(home.iterdir()) and not (home / MANIFEST).exists():
        raise BadInput(f"{home} holds something else than a model; choose another folder")


def _manifest(trained: Trained, folder: Path, config: LtvConfig) -> Manifest:
    report = trained.report
    return Manifest(
        FORMAT,
        {name: version(name) for name in VERSIONS},
        trained.window,
        to_plain(config),
        dict(trained.model.features.schema.kinds),
        {h: found["value"] for h, found in report["horizons"].items()} if report else {},
        {
            str(f.relative_to(folder)): _checksum(f)
            for f in sorted(folder.rglob("*"))
            if f.is_file()
        },
    )


def _write_model(trained: Trained, folder: Path) -> None:
    texts: list[str] = []

    def put(trees: Trees | XgbTrees) -> str:
        name = f"trees/{len(texts):02d}.{'txt' if isinstance(trees, Trees) else 'json'}"
        texts.append(name)
        (folder / "trees").mkdir(exist_ok=True)
        (folder / name).write_text(trees.text, encoding="utf-8")
        return name

    leaves: Leaves = {Trees: put, XgbTrees: put}
    _write(folder / MODEL, to_plain(trained.model, leaves))
    if trained.baseline is not None:
        _write(folder / BASELINE, to_plain(trained.baseline, leaves))


def read_manifest(folder: str | Path) -> Manifest:
    """The manifest, after every file was held against its checksum."""
    home = Path(folder)
    if not (home / MANIFEST).is_file():
        raise ArtefactError(f"{home} holds no {MANIFEST}, so it is no model")
    try:
        data = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        found = data.get("format", FORMAT) if isinstance(data, dict) else FORMAT
        manifest = from_plain(Manifest, data, at=MANIFEST) if found == FORMAT else None
    except (ValueError, TypeError, RecursionError) as error:
        raise ArtefactError(f"{home / MANIFEST} cannot be read: {error}") from None
    if manifest is None:
        raise ArtefactError(f"{home} has format {found}; this version reads {FORMAT}")
    if lost := [name for name in (MODEL, REPORT) if name not in manifest.checksums]:
        raise ArtefactError(f"{home / MANIFEST} vouches for no {' and no '.join(lost)}")
    for name, expected in manifest.checksums.items():
        path = (home / name).resolve()
        if not path.is_relative_to(home.resolve()) or not path.is_file():
            raise ArtefactError(f"{home} lacks {name}")
        if _checksum(path) != expected:
            raise ArtefactError(f"{home / name} was changed after it was saved")
    return manifest


def trained_config(folder: str | Path) -> LtvConfig:
    """The configuration that the model was trained with."""
    return from_plain(LtvConfig, read_manifest(folder).config, at=f"{MANIFEST} config")


def list_models(home: str | Path) -> list[str]:
    """The names of the model folders in a folder, in order."""
    return sorted(manifest.parent.name for manifest in Path(home).glob(f"*/{MANIFEST}"))


def load(folder: str | Path) -> LtvModel:
    """The model of a folder whose checksums hold."""
    return _load(folder, MODEL, LtvModel)


def load_baseline(folder: str | Path) -> Baseline | None:
    """The plain model that was grown beside it, to be asked on other rows; None if none was."""
    return _load(folder, BASELINE, Baseline) if (Path(folder) / BASELINE).exists() else None


def _load(folder: str | Path, file: str, kind: type[T]) -> T:
    home = Path(folder)
    manifest = read_manifest(home)

    def text(name: str) -> str:
        if name not in manifest.checksums:
            raise ArtefactError(f"{home / file} points to {name!r}, which the manifest lacks")
        return (home / name).read_text(encoding="utf-8")

    leaves: Leaves = {
        Trees: lambda name: Trees(text(name)),
        XgbTrees: lambda name: XgbTrees(text(name)),
    }
    data = json.loads(text(file))
    try:
        return from_plain(kind, data, at=file, leaves=leaves)
    except (BadInput, TypeError) as error:
        raise ArtefactError(f"{home / file} cannot be read: {error}") from None


def read_report(folder: str | Path) -> dict[str, Any]:
    """The report that was saved with the model."""
    read_manifest(folder)
    report: dict[str, Any] = json.loads((Path(folder) / REPORT).read_text(encoding="utf-8"))
    return report


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(finite(data), ensure_ascii=False, allow_nan=False), encoding="utf-8")


def finite(data: Any) -> Any:
    """The same data with None where a figure does not exist (NaN, infinity)."""
    if isinstance(data, Mapping):
        return {str(k): finite(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(v) for v in data]
    if isinstance(data, float) and not abs(data) < float("inf"):
        return None
    return data


def _checksum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
