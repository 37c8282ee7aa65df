"""Work on what comes next while what came before is used, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

WORKERS = 2  # threads
AHEAD = 2  # begun beside the one that is used

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(work: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """What `work` makes of each, AHEAD of them begun before they are asked for.

    The work is done in other threads: it pays where it lets this one run, as that of Arrow does,
    and the less of it is Python, the better, for every return to Python has to wait for this
    thread to give way. A failure, be it of the work or of `given`, comes in its turn.

    >>> list(ahead(str.upper, "abc"))
    ['A', 'B', 'C']
    """
    begun = deque[Future[Made]]()
    with ThreadPoolExecutor(WORKERS) as pool:
        for made in _begun(lambda one: pool.submit(work, one), given):
            begun.append(made)
            if len(begun) > AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _begun(
    begin: Callable[[Given], Future[Made]], given: Iterable[Given]
) -> Iterator[Future[Made]]:
    """The work begun on each; what ends `given` early is one that has failed."""
    try:
        yield from map(begin, given)
    except Exception as error:  # noqa: BLE001 - raised in its turn
        failed = Future[Made]()
        failed.set_exception(error)
        yield failed
