"""Batches for a model that is slow alone and fast in company."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

CALL = 256  # tokens that a model on torch reads in the time that a call more takes
TOLD_APART = 512  # different lengths: a plan over more of them would take longer than it saves
Item = TypeVar("Item")
Vectors = NDArray[np.float32]


@dataclass(slots=True)
class _Job(Generic[Item]):
    items: list[Item]
    lengths: list[int]
    rows: Vectors | None = None
    error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.rows is not None or self.error is not None


@dataclass(frozen=True)
class Batcher(Generic[Item]):
    """Runs `forward` on batches of similar length, shared among all threads that ask.

    One queue and no waiting for company: whichever caller finds the model free takes everything
    that has gathered meanwhile along. `forward` is called by one thread at a time. With
    `token_budget`, a batch of several texts is no more tokens than that, padding included; `call`
    is how many tokens of padding are worth another call.

    >>> batcher = Batcher(lambda words: np.array([[len(word)] for word in words]), batch_size=2)
    >>> batcher.rows(["three", "a", "four"], lengths=[5, 1, 4]).ravel().tolist()
    [5, 1, 4]
    """

    forward: Callable[[list[Item]], Vectors]
    batch_size: int
    token_budget: int | None = None
    call: int = CALL
    _queue: deque[_Job[Item]] = field(default_factory=deque, init=False, repr=False)
    _model: Lock = field(default_factory=Lock, init=False, repr=False)

    def rows(self, items: Sequence[Item], lengths: Sequence[int]) -> Vectors:
        """One row an item, in their order; at least one item."""
        plan = self._plan(lengths)
        parts = [
            self._row_block([items[i] for i in places], [lengths[i] for i in places])
            for places in plan
        ]
        return in_order(parts, plan)

    def _plan(self, lengths: Sequence[int]) -> list[list[int]]:
        return batches(lengths, self.batch_size, self.token_budget, self.call)

    def _row_block(self, items: list[Item], lengths: list[int]) -> Vectors:
        job = _Job(items, lengths)
        self._queue.append(job)
        while not job.done:
            with self._model:
                if not job.done:
                    self._serve(self._gathered())
        if job.rows is None:
            raise job.error  # type: ignore[misc]  # done without rows means it failed
        return job.rows

    def _gathered(self) -> list[_Job[Item]]:
        # Up to two batches, so that a caller with one text never waits for a long list to end.
        jobs, count = [self._queue.popleft()], 0
        while self._queue and (count := count + len(jobs[-1].items)) < 2 * self.batch_size:
            jobs.append(self._queue.popleft())
        return jobs

    def _serve(self, jobs: list[_Job[Item]]) -> None:
        try:
            self._run(jobs)
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who caused it
            if len(jobs) == 1:
                jobs[0].error = error
            else:
                for job in jobs:
                    self._serve([job])
        except BaseException as error:  # an interrupt ends the wait of everyone it took along
            for job in jobs:
                job.error = error
            raise

    def _run(self, jobs: list[_Job[Item]]) -> None:
        items = [item for job in jobs for item in job.items]
        lengths = [length for job in jobs for length in job.lengths]
        plan = self._plan(lengths)
        rows = in_order([self.forward([items[i] for i in places]) for places in plan], plan)
        ends = np.cumsum([len(job.items) for job in jobs])
        for job, part in zip(jobs, np.split(rows, ends[:-1]), strict=True):
            job.rows = part


def batches(
    lengths: Sequence[int], size: int, token_budget: int | None = None, call: int = CALL
) -> list[list[int]]:
    """Positions from the longest down in batches that read few tokens in few calls.

    A batch is full or ends with the last text of a length: of the plans of that kind, the cheapest.

    >>> batches([3, 100, 90, 4, 95], size=2, call=50)
    [[1, 4], [2], [3, 0]]
    >>> batches([30, 30, 30], size=8, token_budget=64)
    [[0, 1], [2]]
    """
    places = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    step = 1 + max(lengths, default=0) // TOLD_APART
    same: list[int] = []  # where those of this length end
    for _, alike in groupby(places, key=lambda i: lengths[i] // step):
        count = len(list(alike))
        same += [len(same) + count] * count
    cheapest = [0.0] + [math.inf] * len(places)  # to have read so many of them
    first = [0] * (len(places) + 1)  # of the batch that ends there
    for start, place in enumerate(places):
        longest = max(1, lengths[place])
        room = size if token_budget is None else max(1, min(size, token_budget // longest))
        full = min(start + room, len(places)) if cheapest[start] < math.inf else start
        end = start
        while end < full:
            end = min(same[end], full)
            cost = cheapest[start] + call + longest * (end - start)
            if cost <= cheapest[end]:
                cheapest[end], first[end] = cost, start
    plan, end = [], len(places)
    while end:
        plan.append(places[first[end] : end])
        end = first[end]
    return plan[::-1]


def in_order(parts: Sequence[Vectors], plan: Sequence[Sequence[int]]) -> Vectors:
    """The rows of planned batches, back in the order of the texts."""
    places = [place for batch in plan for place in batch]
    return np.concatenate(parts)[np.argsort(places)]
