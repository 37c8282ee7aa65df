"""A model on ONNX Runtime: the exported folder, its tokenizer, its session."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.batching import Batcher, batches, in_order
from vibrator.encoders.tokens import Tokens, distinct, padded, read_tokenizer
from vibrator.errors import ArtefactError
from vibrator.optional import need

Vectors = NDArray[np.float32]

KIND = "onnx"  # what config.json of an exported folder says under "vibrator"
TOKENS_AT_ONCE = 448  # more of them crowd each other out of a processor's cache
SHARE = 256  # tokens at once where every processor has a batch of its own: few, to end together
LARGEST_TWICE = 256 << 20  # bytes of a graph whose weights may be held a second time
CALL = 12  # tokens that are read in the time that it takes to go through the weights once more
FACTS = {  # what config.json tells, and as what
    "source": str,
    "revision": str,
    "dimensions": int,
    "max_length": int,
    "lowercase": bool,
    "pad_id": int,
    "prompts": dict,
    "takes_instructions": bool,
}
UNFUSED = ["SkipLayerNormFusion"]  # addition and normalisation apart take a third of the time


@dataclass(frozen=True)
class ExportedModel:
    """A folder that `export_onnx` wrote: the graph, the tokenizer and what has to be known."""

    folder: Path

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What config.json says."""
        try:
            facts = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtefactError(f"{str(self.folder)!r} is no exported model: {error}") from error
        if not isinstance(facts, dict) or facts.get("vibrator") != KIND:
            raise ArtefactError(f"{str(self.folder)!r} was not written by export_onnx")
        for name, kind in FACTS.items():
            if type(facts.get(name)) is not kind:
                raise ArtefactError(
                    f"{name!r} in {str(self.folder / 'config.json')!r} must be of type"
                    f" {kind.__name__}, got {facts.get(name)!r:.80}: export the model again"
                )
        return facts

    @property
    def name(self) -> str:
        """The model that was exported."""
        return str(self.facts["source"])

    @property
    def revision(self) -> str:
        """Identity of that model, and how exact the export is."""
        return str(self.facts["revision"])

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return int(self.facts["dimensions"])


class OnnxNetwork:
    """A session and its tokenizer.

    Few texts are read by all processors together, which answers soonest. Of many, each processor
    reads batches of its own, on a session that is opened then: none waits for another in a layer.
    One long list at a time; others stand in the queue of the batcher, where all have their turn.
    """

    def __init__(
        self, exported: ExportedModel, batch_size: int, processors: int | None = None
    ) -> None:
        facts = exported.facts
        self.path = exported.folder / "model.onnx"
        self.batch_size = batch_size
        self.processors = known_processors() if processors is None else processors
        self._many = Lock()
        self.dimensions = exported.dimensions
        self.instructed = bool(facts["takes_instructions"])
        self.prompts: dict[str, str] = facts["prompts"]
        self.pad_id = int(facts["pad_id"])
        self.tokenizer = read_tokenizer(
            exported.folder, max_length=facts["max_length"], lowercase=facts["lowercase"]
        )
        self._opened = _identity(self.path)
        self.session = open_session(self.path, self.processors)
        width = self.session.get_outputs()[0].shape[-1]
        if isinstance(width, int) and width != self.dimensions:
            raise ArtefactError(
                f"{str(exported.folder)!r} says it has {self.dimensions} dimensions, and its graph"
                f" gives {width}: export the model again"
            )
        self.reads_whole = "input_ids" in {each.name for each in self.session.get_inputs()}
        self.batcher = Batcher(
            self.forward, batch_size=batch_size, token_budget=TOKENS_AT_ONCE, call=CALL
        )

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row a text."""
        if self.instructed:
            tokens = self.tokenizer.tokens(instruction, texts)
        else:
            prompt = self.prompts.get(instruction, "")
            tokens = self.tokenizer.tokens("", [prompt + text for text in texts])
        lengths = [len(each.ids) for each in tokens]
        plan = batches(lengths, self.batch_size, SHARE, CALL) if self.processors > 1 else []
        if plan and len(plan) >= 2 * self.processors and self._many.acquire(blocking=False):
            try:
                if self._narrow is not None:
                    return self._side_by_side(self._narrow, tokens, plan)
            finally:
                self._many.release()
        return self.batcher.rows(tokens, lengths)

    def forward(self, batch: list[Tokens]) -> Vectors:
        """One batch through the graph, on all processors."""
        return self._through(self.session, batch)

    @cached_property
    def _narrow(self) -> Any:
        """A session of one thread; none if the weights are too many, or no longer those."""
        found = _identity(self.path)
        if found is None or found != self._opened or found[1] > LARGEST_TWICE:
            return None
        return open_session(self.path, 1)

    def _side_by_side(
        self, session: Any, tokens: Sequence[Tokens], plan: Sequence[list[int]]
    ) -> Vectors:
        def rows(places: list[int]) -> Vectors:
            return self._through(session, [tokens[i] for i in places])

        with ThreadPoolExecutor(self.processors) as pool:
            return in_order(list(pool.map(rows, plan)), plan)

    def _through(self, session: Any, batch: list[Tokens]) -> Vectors:
        ids, attended, pooled = padded(batch, pad_id=self.pad_id)
        feed = {"input_ids": ids} if self.reads_whole else distinct(ids)._asdict()
        feed |= {"attention_mask": attended, "pooling_mask": pooled}
        return np.asarray(session.run(None, feed)[0], np.float32)


def known_processors() -> int:
    """How many this process may use; 0 where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What changes where a file is written anew; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def open_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session; with 0 threads, on as many as it thinks best."""
    runtime = need("onnxruntime", extra="onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=UNFUSED
        )
    except Exception as error:  # its errors have no common base but Exception
        raise ArtefactError(f"{path} cannot be opened, export it again: {error}") from error


def exported_revision(revision: str, precision: str) -> str:
    """What an export of a revision is called.

    >>> exported_revision("3c28bf45", "int8")
    '3c28bf45-int8'
    """
    return f"{revision}-{precision}"
