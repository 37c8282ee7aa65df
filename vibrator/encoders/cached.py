"""Vectors kept: the VectorCache port, the key, and reading through it once per text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.ports import EncoderModel
from vibrator.errors import ArtefactError, BadInput

Vectors = NDArray[np.float32]
Compute = Callable[[list[int]], Vectors]  # positions that are missing to their vectors

KEY_BYTES = 16  # 128 bits: no two texts of a trillion share one
WIDENED_AT_ONCE = 2**16  # numbers: few enough to stay in the processor's cache
SIGN_AND_HALF = np.int32(-0x70002000)  # the bits that a half fills in single precision
REBIASED = np.float32(2.0**112)  # between the exponents of the two


@runtime_checkable
class VectorCache(Protocol):
    """Keeps vectors in half precision by key; it may forget any of them at any time."""

    def get_many(self, keys: Sequence[str]) -> list[Vectors | None]:
        """A vector or None for each key, in the order of the keys."""
        ...

    def put_many(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep one row per key; a key kept already is replaced."""
        ...


@dataclass(frozen=True, slots=True)
class VectorKind:
    """What a vector depends on besides its words.

    >>> kind = VectorKind(model="tiny", revision="1", dimensions=8)
    >>> kind.key("Represent: ", "a tent") == kind.key("Represent: a", " tent")
    False
    """

    model: str
    revision: str
    dimensions: int
    precision: str = "fp32"
    centring: str = "none"

    def key(self, instruction: str, text: str) -> str:
        """The digest under which the vector of this text is kept."""
        parts = (
            self.model, self.revision, str(self.dimensions), self.precision, self.centring,
            instruction, text,
        )  # fmt: skip
        digest = hashlib.blake2b(digest_size=KEY_BYTES)
        for part in parts:  # the length in front keeps ("ab", "c") apart from ("a", "bc")
            encoded = part.encode()
            digest.update(b"%d:" % len(encoded))
            digest.update(encoded)
        return digest.hexdigest()


class ReadThrough:
    """Reads vectors through a cache; a missing one is computed once, whoever asks meanwhile.

    Fresh vectors are handed out as the cache will hand them out, in half precision, so that the
    first answer equals the second.
    """

    def __init__(self, cache: VectorCache, *, dimensions: int) -> None:
        self.cache = cache
        self.dimensions = dimensions
        self._in_flight: dict[str, Future[Vectors]] = {}
        self._lock = Lock()

    def vectors(self, keys: Sequence[str], compute: Compute) -> Vectors:
        """One row per key; `compute` gets the first position of every key that is missing."""
        first = {key: position for position, key in reversed(list(enumerate(keys)))}
        found = self._cached(sorted(first, key=first.__getitem__))
        while missing := [key for key in first if key not in found]:
            mine, theirs = self._claim(missing)
            if mine:
                found |= self._computed(mine, [first[key] for key in mine], compute)
            for key, flight in theirs.items():  # one that failed there is tried here next
                if flight.exception() is None:
                    found[key] = flight.result()
        return np.array([found[key] for key in keys], np.float32).reshape(-1, self.dimensions)

    def _cached(self, keys: Sequence[str]) -> dict[str, Vectors]:
        pairs = zip(keys, self.cache.get_many(keys), strict=True)
        found = {key: vector for key, vector in pairs if vector is not None}
        strange = next((v for v in found.values() if v.shape != (self.dimensions,)), None)
        if strange is not None:
            raise ArtefactError(
                f"the cache holds a vector of shape {strange.shape} where the model makes"
                f" {self.dimensions} numbers: it belongs to another model, give this one its own"
            )
        return found

    def _claim(self, keys: Sequence[str]) -> tuple[list[str], dict[str, Future[Vectors]]]:
        with self._lock:
            theirs = {key: self._in_flight[key] for key in keys if key in self._in_flight}
            mine = [key for key in keys if key not in theirs]
            self._in_flight.update((key, Future()) for key in mine)
        return mine, theirs

    def _computed(
        self, keys: list[str], positions: list[int], compute: Compute
    ) -> dict[str, Vectors]:
        try:
            done = self._cached(keys)  # kept by another thread between our look and our claim
            left = [(k, p) for k, p in zip(keys, positions, strict=True) if k not in done]
            if left:
                fresh = in_half_precision(compute([position for _, position in left]))
                left_keys = [key for key, _ in left]
                self.cache.put_many(left_keys, fresh)
                done |= dict(zip(left_keys, fresh, strict=True))
        except BaseException as error:
            self._land(keys, error)
            raise
        self._land(keys, done)
        return done

    def _land(self, keys: list[str], result: dict[str, Vectors] | BaseException) -> None:
        with self._lock:
            flights = {key: self._in_flight.pop(key) for key in keys}
        for key, flight in flights.items():
            if isinstance(result, BaseException):
                flight.set_exception(result)
            else:
                flight.set_result(result[key])


@dataclass(frozen=True)
class CachedModel:
    """Any encoder model behind a cache."""

    model: EncoderModel
    cache: VectorCache
    precision: str = "fp32"
    _reader: ReadThrough = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "_reader", ReadThrough(self.cache, dimensions=self.model.dimensions)
        )

    @property
    def name(self) -> str:
        """The wrapped model's."""
        return self.model.name

    @property
    def revision(self) -> str:
        """The wrapped model's."""
        return self.model.revision

    @property
    def dimensions(self) -> int:
        """The wrapped model's."""
        return self.model.dimensions

    @property
    def takes_instructions(self) -> bool:
        """The wrapped model's."""
        return self.model.takes_instructions

    def vectors(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """What the model makes of the texts, from the cache where it is there."""
        kind = VectorKind(self.name, self.revision, self.dimensions, self.precision)
        return self._reader.vectors(
            [kind.key(instruction, text) for text in texts],
            lambda positions: self.model.vectors(instruction, [texts[p] for p in positions]),
        )


def widened(kept: bytes) -> Vectors:
    """The numbers behind finite halves, exactly, ten times as fast as numpy's own conversion.

    >>> widened(np.array([0.5, -6e-8], np.float16).tobytes()).tolist()
    [0.5, -5.960464477539063e-08]
    """
    halves = np.frombuffer(kept, "<i2")
    numbers = np.empty(len(halves), np.float32)
    for start in range(0, len(halves), WIDENED_AT_ONCE):
        some = numbers[start : start + WIDENED_AT_ONCE]
        bits = some.view(np.int32)
        bits[:] = halves[start : start + WIDENED_AT_ONCE]  # the sign is extended
        bits <<= 13  # fraction and exponent to where single precision has them
        bits &= SIGN_AND_HALF
        some *= REBIASED
    return numbers


def in_half_precision(vectors: Vectors) -> Vectors:
    """Rounded to what a cache keeps; what half precision cannot hold is refused.

    >>> in_half_precision(np.array([0.1], np.float32))
    array([0.09997559], dtype=float32)
    """
    with np.errstate(over="ignore"):
        rounded = np.asarray(vectors, np.float16).astype(np.float32)
    if not np.isfinite(rounded).all():
        raise BadInput("vectors must be finite and below 65,504 to be kept in half precision")
    return rounded
