"""From a model's name to the model: exact names, URLs, folders, hub ids."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from vibrator.encoders.ports import EMBEDDED, EncoderConfig, EncoderModel, Factory
from vibrator.errors import ArtefactError, BadInput, ModelUnavailable, UnknownName

ON_TORCH: dict[str, tuple[str | None, ...]] = {
    "backend": ("torch", "onnx"),
    "precision": ("fp32", "bf16"),
}
RUNS: dict[str, dict[str, tuple[str | None, ...]]] = {  # by kind: how its models can be run
    EMBEDDED: {"backend": ("torch",), "precision": ("fp32",), "device": (None, "cpu")},
    "instructor": ON_TORCH,
    "sentence": ON_TORCH,
    "onnx": {
        "backend": ("torch", "onnx"),
        "precision": ("fp32", "int8"),
        "device": (None, "cpu"),
    },
    "remote": {"backend": ("torch",), "precision": ("fp32",), "device": (None,)},
}
INSTRUCTOR_SIZES = ("base", "large", "xl")
SHORT_NAMES = {f"instructor-{size}": f"hkunlp/instructor-{size}" for size in INSTRUCTOR_SIZES}


def _late(module: str, function: str) -> Factory:
    def open_late(config: EncoderConfig) -> EncoderModel:
        factory: Factory = getattr(import_module(f"vibrator.encoders.{module}"), function)
        return factory(config)

    return open_late


MODELS: dict[str, Factory] = {
    EMBEDDED: _late("embedded", "open_embedded"),
    "instructor": _late("instructor", "open_instructor"),
    "sentence": _late("sentence", "open_sentence"),
    "onnx": _late("onnx", "open_onnx"),
    "remote": _late("remote", "open_remote"),
}


def register_encoder(kind: str, factory: Factory) -> None:
    """Make `kind:name` open a model of your own."""
    MODELS[kind] = factory


def open_model(config: EncoderConfig) -> EncoderModel:
    """The model behind a configuration; nothing is loaded until vectors are asked for."""
    kind = kind_of(config)
    return MODELS[kind](replace(config, model_name=config.model_name.removeprefix(f"{kind}:")))


def kind_of(config: EncoderConfig) -> str:
    """Which registered kind reads this name; a way of running that it has not is refused.

    >>> kind_of(EncoderConfig("embedded")), kind_of(EncoderConfig("https://api.example/v1"))
    ('embedded', 'remote')
    """
    kind = kind_of_name(config.model_name)
    if config.backend == "onnx" and RUNS.get(kind) is ON_TORCH:
        if config.model_name.startswith(f"{kind}:"):
            raise BadInput(f"backend='onnx' sees the kind itself: name it without {f'{kind}:'!r}")
        kind = "onnx"
    for name, known in RUNS.get(kind, {}).items():
        if getattr(config, name) not in known:
            hint = "; 'int8' needs backend='onnx'" if known is ON_TORCH["precision"] else ""
            raise BadInput(
                f"{name} of a model of kind {kind!r} must be one of {known},"
                f" got {getattr(config, name)!r}{hint}"
            )
    return kind


def kind_of_name(name: str) -> str:
    """Which registered kind a name belongs to, however it is run."""
    prefix, colon, _ = name.partition(":")
    if name.startswith(("http://", "https://")):
        return "remote"
    if name == EMBEDDED or (colon and prefix in MODELS):
        return prefix
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _kind_of_folder(folder)
    if name in SHORT_NAMES or name in SHORT_NAMES.values():
        return "instructor"
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return "sentence"
    if "/" in name or "\\" in name:
        raise ModelUnavailable(f"there is no model folder {name!r}; {ways_out()}")
    raise UnknownName(f"no encoder is called {name!r}; {ways_out()}")


def ways_out() -> str:
    """What to do when a model cannot be had."""
    return (
        "give the path of a local folder that holds the model, or take the model that ships "
        'inside: InstructionalEncoder("embedded")'
    )


def _kind_of_folder(folder: Path) -> str:
    config = _settings(folder / "config.json")
    if "vibrator" in config:
        kind = str(config["vibrator"])
        if kind not in MODELS:
            raise ArtefactError(
                f"'vibrator' in {str(folder / 'config.json')!r} must be one of {sorted(MODELS)}, "
                f"got {kind!r}"
            )
        return kind
    if not (folder / "modules.json").exists() and not config:
        raise ModelUnavailable(
            f"{str(folder)!r} is not a model folder: it has no modules.json and no config.json; "
            + ways_out()
        )
    return "instructor" if _is_instructor(folder, config) else "sentence"


def _is_instructor(folder: Path, config: dict[str, object]) -> bool:
    for place in (folder, folder / "0_Transformer"):
        if (place / "config.json").exists():
            config = _settings(place / "config.json")
            break
    return config.get("model_type") == "t5"


def _settings(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ArtefactError(f"{str(path)!r} must be JSON: {problem}") from None
    if not isinstance(found, dict):
        raise ArtefactError(f"{str(path)!r} must hold a JSON object, got {found!r:.80}")
    return found
