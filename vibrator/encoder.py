"""The front of the encoders: actions, items and sliders into aligned vectors."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.actions import ACTION_TYPES, UserAction, action_type
from vibrator.checks import require_text
from vibrator.encoders.background import background_digest, background_mean
from vibrator.encoders.cached import ReadThrough, VectorCache, VectorKind
from vibrator.encoders.ports import (
    DEFAULT_MODEL,
    EncoderConfig,
    EncoderModel,
    require_model,
    require_texts,
)
from vibrator.encoders.registry import kind_of, open_model
from vibrator.errors import BadInput
from vibrator.vectors import blocks, layer_norm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Row = bytes  # of float32: fifty of them join in a third of the time that arrays would
    Remembered = dict["Role", dict[str, Row]]

__all__ = ["EncoderConfig", "InstructionalEncoder", "Role"]

ACTION_INSTRUCTION = "Represent the user action for inferring preferences: "
ITEM_INSTRUCTION = "Represent the content for matching preferences: "
SLIDER_INSTRUCTION = "Represent the preference dimension: "
LONG_ENCODE = 5_000  # texts; longer calls show their progress on a terminal
CHUNK = 2_048  # texts between two movements of the progress bar


class Role(NamedTuple):
    """How texts of one kind are put to the model, and centred together."""

    instruction: str
    wording: str = ""

    def sentence(self, text: str) -> str:
        """The text as the model reads it."""
        return f"{self.wording} {text}" if self.wording else text


class InstructionalEncoder:
    """Turns actions, items and sliders into unit vectors that may be compared with each other.

    Called bare it is Instructor; "embedded" is the model that ships inside, a folder, a hub id or
    an OpenAI-compatible URL choose others, and a loaded INSTRUCTOR or SentenceTransformer is taken
    as it is. The model is loaded at the first text that is in no cache; a `cache` keeps vectors
    between runs and processes. Safe to share between threads.

    >>> encoder = InstructionalEncoder("embedded")
    >>> encoder.encode_items(["a guide to gRPC", "plum cake"]).shape
    (2, 256)
    """

    def __init__(
        self,
        config: EncoderConfig | str | os.PathLike[str] | EncoderModel | None = None,
        action_instruction: str = ACTION_INSTRUCTION,
        item_instruction: str = ITEM_INSTRUCTION,
        slider_instruction: str = SLIDER_INSTRUCTION,
        *,
        cache: VectorCache | None = None,
    ) -> None:
        if cache is not None and not hasattr(cache, "get_many"):
            raise BadInput(f"cache must be SQLiteVectorCache(path) or the like, got {cache!r}")
        for name, words in (
            ("action_instruction", action_instruction),
            ("item_instruction", item_instruction),
            ("slider_instruction", slider_instruction),
        ):
            if not isinstance(words, str):
                raise BadInput(f"{name} must be a text, got {words!r}")
        if isinstance(config, os.PathLike):
            config = str(config)
        self._given = None if config is None or isinstance(config, (str, EncoderConfig)) else config
        named = config if isinstance(config, str) else DEFAULT_MODEL
        self.config = config if isinstance(config, EncoderConfig) else EncoderConfig(named)
        self.action_instruction = action_instruction
        self.item_instruction = item_instruction
        self.slider_instruction = slider_instruction
        self.cache = cache
        self._memory: Remembered = {}
        self._older: Remembered = {}
        self._by_type: dict[str, dict[str, Row]] = {}  # of the memory, to find actions quickly
        self._means: dict[Role, Matrix] = {}
        self._lock = threading.Lock()
        if self._given is None:
            kind_of(self.config)  # an unknown name is refused here, not at the first text
        else:
            require_model(self._given)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels as its configuration; memory and cache stay behind, vectors come out the same."""
        given = self.config if self._given is None else self._given
        words = self.action_instruction, self.item_instruction, self.slider_instruction
        return type(self), (given, *words)

    @cached_property
    def model(self) -> EncoderModel:
        """The model behind, opened at first use."""
        if self._given is None:
            return open_model(self.config)
        from vibrator.encoders.sentence import model_from_object

        return model_from_object(self._given, self.config)

    @property
    def from_config(self) -> bool:
        """Whether the configuration tells the whole model, rather than an object handed in."""
        return self._given is None

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return self.model.dimensions

    @cached_property
    def fingerprint(self) -> str:
        """Identity of the vectors: vectors of different fingerprints are never mixed."""
        config = self.config
        parts = (
            self.model.name, self.model.revision, self.model.dimensions, config.precision,
            config.center and background_digest(), config.normalize_layer, config.normalize_l2,
            self.action_instruction, self.item_instruction, self.slider_instruction,
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def encode_actions(self, actions: Iterable[UserAction]) -> Matrix:
        """One row an action, read with its wording."""
        listed = _listed(actions)
        known = self._by_type
        try:
            rows = [known[action.action_type][action.content] for action in listed]
        except KeyError:
            rows = self._read([(self._action_role(a.action_type), a.content) for a in listed])
            self._by_type.update(self._of_types({action.action_type for action in listed}))
        return self._stacked(rows)

    def encode_items(self, texts: Iterable[str]) -> Matrix:
        """One row a piece of content."""
        return self._encode(Role(self.item_instruction), texts)

    def remembers_items(self, texts: Iterable[str]) -> bool:
        """Whether `encode_items` would answer from memory, without reading any of them."""
        known = self._memory.get(Role(self.item_instruction), {})
        return all(text in known for text in texts)

    def encode_sliders(self, texts: Iterable[str]) -> Matrix:
        """One row a slider text."""
        return self._encode(Role(self.slider_instruction), texts)

    def encode_freeform(self, instruction: str, texts: Iterable[str]) -> Matrix:
        """One row a text, read under an instruction of your own."""
        return self._encode(Role(require_text("instruction", instruction)), texts)

    def _action_role(self, kind: str) -> Role:
        return Role(self.action_instruction, action_type(kind).wording)

    def _of_types(self, kinds: Iterable[str]) -> dict[str, dict[str, Row]]:
        """What is remembered of each registered type; the wording of others may yet change."""
        memory = self._memory  # another thread may put a new one in its place
        roles = {kind: self._action_role(kind) for kind in kinds if kind in ACTION_TYPES}
        return {kind: memory[role] for kind, role in roles.items() if role in memory}

    def _encode(self, role: Role, texts: Iterable[str]) -> Matrix:
        checked = require_texts(texts)  # type: ignore[arg-type]
        known = self._memory.get(role, {})
        try:
            rows = [known[text] for text in checked]
        except KeyError:
            rows = self._read([(role, text) for text in checked])
        return self._stacked(rows)

    def _stacked(self, rows: list[Row]) -> Matrix:
        if not rows:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return np.frombuffer(bytearray().join(rows), dtype=np.float32).reshape(len(rows), -1)

    def _read(self, keys: list[tuple[Role, str]]) -> list[Row]:
        self._keep(_found(self._older, keys))  # what is wanted again belongs to the present
        rows = _found(self._memory, keys)
        rows |= self._fresh([key for key in dict.fromkeys(keys) if key not in rows])
        return [rows[key] for key in keys]

    def _fresh(self, keys: list[tuple[Role, str]]) -> dict[tuple[Role, str], Row]:
        by_role: dict[Role, list[str]] = {}
        for role, text in keys:
            by_role.setdefault(role, []).append(text)
        fresh: dict[tuple[Role, str], Row] = {}
        with _progress(len(keys), wanted=self.config.show_progress) as advance:
            for role, texts in by_role.items():
                for block in blocks(len(texts), CHUNK):
                    rows = self._kept(role, texts[block])
                    fresh.update(
                        ((role, text), row.tobytes())
                        for text, row in zip(texts[block], rows, strict=True)
                    )
                    advance(len(rows))
        if len(fresh) <= self.config.memory_vectors // 2:  # a bulk encode would push all else out
            self._keep(fresh)
        return fresh

    def _kept(self, role: Role, texts: Sequence[str]) -> Matrix:
        reader = self._reader
        if reader is None:
            return self._aligned(role, texts)
        kind = self._kind(role)
        return reader.vectors(
            [kind.key(role.instruction, role.sentence(text)) for text in texts],
            lambda positions: self._aligned(role, [texts[p] for p in positions]),
        )

    @cached_property
    def _reader(self) -> ReadThrough | None:
        return None if self.cache is None else ReadThrough(self.cache, dimensions=self.dimensions)

    def _kind(self, role: Role) -> VectorKind:
        config, model = self.config, self.model
        centring = (
            config.center and (background_digest(), role.wording),
            config.normalize_layer,
            config.normalize_l2,
        )
        return VectorKind(
            model.name, model.revision, model.dimensions, config.precision, repr(centring)
        )

    def _aligned(self, role: Role, texts: Sequence[str]) -> Matrix:
        rows = self.model.vectors(role.instruction, [role.sentence(text) for text in texts])
        if self.config.center:
            rows = rows - self._mean(role)
        if self.config.normalize_layer:
            rows = layer_norm(rows)
        if self.config.normalize_l2:
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            if not (lengths > 0).all():
                bad = texts[int(np.argmin(lengths))]
                raise BadInput(f"the model gives no direction for {len(bad)} characters of text")
            rows = rows / lengths
        return np.asarray(rows, dtype=np.float32)

    def _mean(self, role: Role) -> Matrix:
        if role not in self._means:
            self._means[role] = background_mean(self.model, role.instruction, role.sentence)
        return self._means[role]

    def _keep(self, rows: dict[tuple[Role, str], Row]) -> None:
        with self._lock:
            if sum(map(len, self._memory.values())) + len(rows) > self.config.memory_vectors // 2:
                self._memory, self._older = {}, self._memory  # two generations share the room
                self._by_type = {}
            for (role, text), row in rows.items():
                self._memory.setdefault(role, {})[text] = row


def _listed(actions: Iterable[UserAction]) -> list[UserAction]:
    if not hasattr(actions, "__iter__"):
        raise BadInput(f"actions must be a list of UserAction, got one {type(actions).__name__}")
    listed = list(actions)
    if set(map(type, listed)) <= {UserAction}:
        return listed
    strange = {kind.__name__ for kind in set(map(type, listed)) if not issubclass(kind, UserAction)}
    if strange:
        raise BadInput(f"actions must be a list of UserAction, got {sorted(strange)} in it")
    return listed


def _found(remembered: Remembered, keys: Iterable[tuple[Role, str]]) -> dict[tuple[Role, str], Row]:
    return {
        (role, text): remembered[role][text]
        for role, text in keys
        if role in remembered and text in remembered[role]
    }


class _progress:  # noqa: N801 - reads as a statement
    """A bar on stderr for long encodes on a terminal; silent otherwise."""

    def __init__(self, total: int, *, wanted: bool | None) -> None:
        self._total = total
        self._bar: Any = None
        self._wanted = total >= LONG_ENCODE and sys.stderr.isatty() if wanted is None else wanted

    def __enter__(self) -> Callable[[int], None]:
        if not self._wanted:
            return lambda _count: None
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        task = self._bar.add_task("encoding", total=self._total)
        return lambda count: self._bar.advance(task, count)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
