"""What /metrics tells: a registry of this service's own, so that two in one process keep apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.samples import Sample

from vibrator.decisions import Decision
from vibrator.encoders.ports import EncoderModel, is_instant

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
__all__ = ["CONTENT_TYPE_LATEST", "CountedModel", "Metrics"]


class Metrics:
    """Counters and gauges by the name of what they measure."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "vibrator_request_seconds", "Time to an answer", ("route", "status"),
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.asked = self._counter("vibrator_texts_asked", "Texts whose vectors were asked for")
        self.encoded = self._counter("vibrator_texts_encoded", "Texts that the model had to read")
        self.decided = self._counter(
            "vibrator_decisions", "Decisions: shown, explored, or nothing and why", "reason"
        )
        self.turned_away = self._counter("vibrator_turned_away", "Requests beyond a limit")
        hits = self._gauge("vibrator_cache_hit_rate", "Share of texts that no model had to read")
        hits.set_function(self.hit_rate)
        self._children: dict[tuple[str, int], Any] = {}

    def watch(self, name: str, words: str, read: Callable[[], float]) -> None:
        """A gauge that is read when somebody looks."""
        self._gauge(name, words).set_function(read)

    def took(self, route: str, status: int, seconds: float) -> None:
        """One request."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[route, status] = self.seconds.labels(route, str(status))
        child.observe(seconds)

    def hit_rate(self) -> float:
        """Share of the texts asked for that came from a cache; 1 before any was asked for."""
        asked, encoded = (self._samples(c)[0].value for c in (self.asked, self.encoded))
        return 1.0 - min(1.0, encoded / asked) if asked else 1.0

    def count(self, decision: Decision) -> None:
        """A decision under what it came to; guards by name, never by their words."""
        for reason in reasons_of(decision):
            self.decided.labels(reason).inc()

    def turned(self) -> float:
        """How many requests were beyond a limit."""
        return sum(s.value for s in self._samples(self.turned_away) if s.name.endswith("_total"))

    def samples(self) -> list[Sample]:
        """Every sample of the times to an answer."""
        return self._samples(self.seconds)

    def exposition(self) -> bytes:
        """All of it in Prometheus' own words."""
        return generate_latest(self.registry)

    def _samples(self, collector: Counter | Histogram) -> list[Sample]:
        return [sample for metric in collector.collect() for sample in metric.samples]

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, registry=self.registry)


def reasons_of(decision: Decision) -> list[str]:
    """shown, explored, or for doing nothing the names of the guards that stood in the way."""
    if decision.acted:
        return ["explored" if decision.features.get("explored") else "shown"]
    guards = {reason.partition(":")[0] for reason in decision.refusals.values()}
    return sorted(guards) or ["nothing"]


class CountedModel:
    """An encoder model that counts the texts it reads."""

    def __init__(self, model: EncoderModel, counter: Counter) -> None:
        self._model, self._counter = model, counter

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    @property
    def revision(self) -> str:
        """The model's."""
        return self._model.revision

    @property
    def instant(self) -> bool:
        """The model's."""
        return is_instant(self._model)

    @property
    def dimensions(self) -> int:
        """The model's."""
        return self._model.dimensions

    @property
    def takes_instructions(self) -> bool:
        """The model's."""
        return self._model.takes_instructions

    def vectors(self, instruction: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """The model's, counted."""
        self._counter.inc(len(texts))
        return self._model.vectors(instruction, texts)
