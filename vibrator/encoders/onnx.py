"""Models on ONNX Runtime: no torch at run time, and int8 where it may be a little less exact."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vibrator.encoders.checkpoints import Checkpoint, find_checkpoint
from vibrator.encoders.late import LateModel
from vibrator.encoders.onnx_network import KIND, ExportedModel, OnnxNetwork, exported_revision
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import kind_of_name
from vibrator.errors import BadInput

FORM = 2  # raised when exports are made otherwise, so that a kept one is made anew


@dataclass(frozen=True)
class Exporting:
    """A model that is exported when its first vectors are asked for, unless it was before."""

    checkpoint: Checkpoint
    precision: str

    @property
    def name(self) -> str:
        """The model's own."""
        return self.checkpoint.name

    @cached_property
    def revision(self) -> str:
        """Identity of the model, and how exact the export is."""
        return exported_revision(self.checkpoint.revision, self.precision)

    @property
    def dimensions(self) -> int | None:
        """The model's own."""
        return self.checkpoint.dimensions

    @cached_property
    def folder(self) -> Path:
        """Where the export is kept."""
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return home / "vibrator" / "onnx" / f"{Path(self.name).name}-{self.revision}-form{FORM}"


def open_onnx(config: EncoderConfig) -> LateModel:
    """An exported folder, or any Instructor or sentence model, exported at its first text."""
    folder = Path(config.model_name).expanduser()
    if Checkpoint(config.model_name, folder).facts("config.json").get("vibrator") == KIND:
        exported = ExportedModel(folder)
        return LateModel(
            exported, config, lambda: OnnxNetwork(exported, config.batch_size),
            takes_instructions=bool(exported.facts["takes_instructions"]),
        )  # fmt: skip
    planned = Exporting(find_checkpoint(config), config.precision)
    return LateModel(
        planned, config, lambda: _exported_network(planned, config),
        takes_instructions=kind_of_name(config.model_name) == "instructor",
    )  # fmt: skip


def _exported_network(planned: Exporting, config: EncoderConfig) -> OnnxNetwork:
    if not (planned.folder / "config.json").exists():
        from vibrator.encoders.onnx_export import export_onnx

        try:
            export_onnx(config.model_name, planned.folder, config=config)
        except (BadInput, OSError):
            if not (planned.folder / "config.json").exists():  # else another process was first
                raise
    return OnnxNetwork(ExportedModel(planned.folder), config.batch_size)
