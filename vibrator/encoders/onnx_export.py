"""The way from torch to ONNX: one graph from token ids to vectors, checked before it is kept."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.checks import require_path
from vibrator.encoders.background import background_texts
from vibrator.encoders.checkpoints import Checkpoint, find_checkpoint
from vibrator.encoders.instructor import InstructorNetwork, instructed
from vibrator.encoders.onnx_graphs import traced
from vibrator.encoders.onnx_network import KIND, ExportedModel, OnnxNetwork, exported_revision
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import kind_of
from vibrator.encoders.torch_models import load_modules
from vibrator.errors import BadInput, Refused
from vibrator.optional import need

Vectors = NDArray[np.float32]

EXPORTED = ("instructor", "sentence")
LEAST_COSINE = {"fp32": 0.9999, "int8": 0.99}  # mean, to torch in fp32, over the background texts
CHECK_INSTRUCTION = "Represent the content for matching preferences: "


def export_onnx(
    model_name: str,
    folder: str | Path,
    *,
    precision: str = "int8",
    config: EncoderConfig | None = None,
) -> float:
    """Write a model as an ONNX folder that `InstructionalEncoder(folder)` opens without torch.

    Gives the mean cosine between the export's vectors and torch's; an export that strays too far
    is refused, and nothing is left of it.
    """
    target = require_path("folder", folder)
    if target.exists():
        raise BadInput(f"folder must not exist yet, got {str(target)!r}")
    asked = config or EncoderConfig(model_name, precision=precision)
    if asked.precision not in LEAST_COSINE:
        raise BadInput(f"precision must be one of {[*LEAST_COSINE]}, got {asked.precision!r}")
    plain = replace(asked, backend="torch", precision="fp32", device="cpu", dimensions=None)
    kind = kind_of(plain)
    if kind not in EXPORTED:
        raise BadInput(
            f"models of the kinds {EXPORTED} can be exported, {model_name!r} is {kind!r}"
        )
    found = find_checkpoint(plain)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as unfinished:
        made = Path(unfinished) / "model"
        made.mkdir()
        network = instructed(load_modules(found, plain), plain)
        _write_graph(network, made / "model.onnx", asked.precision)
        facts = _facts(found, network, asked.precision) | {
            "takes_instructions": kind == "instructor"
        }
        (made / "tokenizer.json").write_text(network.tokenizer.tokenizer_json, encoding="utf-8")
        (made / "config.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        cosine = _checked(network, ExportedModel(made), asked.precision)
        made.replace(target)
    return cosine


def _write_graph(network: InstructorNetwork, path: Path, precision: str) -> None:
    fp32 = path.with_suffix(".fp32.onnx")
    _trace(network, fp32)
    if precision == "fp32":
        fp32.replace(path)
        return
    _quantize(fp32, path)
    fp32.unlink()


def _trace(network: InstructorNetwork, path: Path) -> None:
    torch = need("torch", extra="instructor")
    need("onnxscript", extra="onnx")
    module, inputs = traced(network)
    any_length = torch.export.Dim.DYNAMIC
    with torch.inference_mode(), _quiet():
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=["vectors"],
            dynamic_shapes={
                name: dict.fromkeys(range(example.dim()), any_length)
                for name, example in inputs.items()
            },
            external_data=False,
            verbose=False,
        )


def _quantize(source: Path, target: Path) -> None:
    quantization = need("onnxruntime.quantization", extra="onnx")
    graph = need("onnx", extra="onnx").load(source)
    del graph.graph.value_info[:]  # shapes from before the exporter turned its weights around
    _approximate_gelu(graph)
    with _quiet():
        quantization.quantize_dynamic(
            graph,
            target,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,  # 7 bits: CPUs without VNNI add pairs in 16 bits and overflow at 8
            weight_type=quantization.QuantType.QInt8,
        )


def _approximate_gelu(graph: Any) -> None:
    # The tanh form is within 0.001 of the exact one, far below what eight bits keep, and a third
    # cheaper.
    make_attribute = need("onnx.helper", extra="onnx").make_attribute
    for node in graph.graph.node:
        if node.op_type == "Gelu":
            del node.attribute[:]
            node.attribute.append(make_attribute("approximate", "tanh"))


def _checked(network: InstructorNetwork, exported: ExportedModel, precision: str) -> float:
    texts = list(background_texts())
    instruction = CHECK_INSTRUCTION if exported.facts["takes_instructions"] else ""
    right = network.vectors(instruction, texts)
    made = OnnxNetwork(exported, network.batcher.batch_size, 1).vectors(instruction, texts)
    cosine = float(np.mean(_cosines(right, made)))
    if not cosine >= LEAST_COSINE[precision]:
        raise Refused(
            f"the {precision} export of {exported.name} has a mean cosine of {cosine:.4f} to the"
            f" model, below {LEAST_COSINE[precision]}: stay with fp32"
        )
    return cosine


def _cosines(one: Vectors, other: Vectors) -> Vectors:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


def _facts(found: Checkpoint, network: InstructorNetwork, precision: str) -> dict[str, Any]:
    settings = found.facts("config_sentence_transformers.json")
    return {
        "vibrator": KIND,
        "source": found.name,
        "revision": exported_revision(found.revision, precision),
        "precision": precision,
        "dimensions": network.dimensions,
        "max_length": network.tokenizer.max_length,
        "lowercase": network.tokenizer.lowercase,
        "pad_id": network.pad_id,
        "prompts": settings.get("prompts") or {},
    }


@contextmanager
def _quiet() -> Iterator[None]:
    # The exporter trips over deprecations of torch itself; the quantizer advises on the root log.
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)
