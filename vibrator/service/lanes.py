"""Work beside the event loop: bounded, and in batches where company helps."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from vibrator.errors import LimitReached

LARGEST_BATCH = 32
Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Lane:
    """A few threads, and a bounded number of pieces of work that wait for them."""

    def __init__(self, name: str, *, threads: int, room: int) -> None:
        self.name, self.room = name, room
        self.inside = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[..., Answer], *args: Any, **options: Any) -> Answer:
        """Do the work in a thread; more than may wait is turned away."""
        require_room(self.name, self.inside, self.room)
        self.inside += 1
        done = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: work(*args, **options)
        )
        done.add_done_callback(self._leave)  # a caller who gave up still takes its place
        return await asyncio.shield(done)

    def close(self) -> None:
        """Finish what was accepted."""
        self._threads.shutdown(wait=True)

    def _leave(self, done: asyncio.Future[Any]) -> None:
        self.inside -= 1
        if not done.cancelled():
            done.exception()  # seen: nobody may be left to see it


class Batches(Generic[Job, Answer]):
    """One thread that takes everything that has gathered, whenever it is free.

    No waiting for company: alone a job starts at once, under load batches grow by themselves.
    `serve` answers each job of a batch, in order, with a result or an exception. Jobs that are
    `quick` are served by the event loop itself, those of one turn of it together: handing them to
    a thread would take longer than the work.
    """

    def __init__(
        self,
        name: str,
        serve: Callable[[Sequence[Job]], Sequence[Answer | Exception]],
        *,
        room: int,
        quick: Callable[[Job], bool] = lambda _job: False,
    ) -> None:
        self.name, self.room = name, room
        self._serve, self._quick = serve, quick
        self._waiting: deque[tuple[Job, asyncio.Future[Answer]]] = deque()
        self._gathered: list[tuple[Job, asyncio.Future[Answer]]] = []
        self._busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting) + len(self._gathered)

    async def submit(self, job: Job) -> Answer:
        """The answer to one job; more than may wait is turned away."""
        require_room(self.name, self.waiting, self.room)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if self._quick(job):
            if not self._gathered:
                loop.call_soon(self._serve_gathered)
            self._gathered.append((job, future))
        else:
            self._waiting.append((job, future))
            if not self._busy:
                self._start()
        return await future

    def close(self) -> None:
        """Finish the batch at hand."""
        self._thread.shutdown(wait=True)

    def _serve_gathered(self) -> None:
        few, self._gathered = self._gathered[:LARGEST_BATCH], self._gathered[LARGEST_BATCH:]
        if self._gathered:
            asyncio.get_running_loop().call_soon(self._serve_gathered)
        answers: Sequence[Answer | Exception]
        try:
            answers = self._serve([job for job, _ in few])
        except Exception as error:  # noqa: BLE001 - whoever waits hears of it
            answers = [error] * len(few)
        _answer([future for _, future in few], answers)

    def _start(self) -> None:
        few = [self._waiting.popleft() for _ in range(min(LARGEST_BATCH, len(self._waiting)))]
        self._busy = True
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._serve, [job for job, _ in few])
        done.add_done_callback(lambda done: self._hand_out(done, [future for _, future in few]))

    def _hand_out(
        self,
        done: asyncio.Future[Sequence[Answer | Exception]],
        futures: Sequence[asyncio.Future[Answer]],
    ) -> None:
        error = done.exception()
        _answer(futures, [error] * len(futures) if error is not None else done.result())
        self._busy = False
        if self._waiting:
            self._start()


def _answer(futures: Sequence[asyncio.Future[Any]], answers: Sequence[Any]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future.done():  # its caller went away
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def require_room(name: str, waiting: int, room: int) -> None:
    """Refuse what would wait behind too much."""
    if waiting >= room:
        raise LimitReached(f"{waiting} pieces of {name} wait already; come back in a moment")
