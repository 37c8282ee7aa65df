"""Work on what comes next while what came before is used, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

WORKERS = 4  # of two, both would often wait for the one who uses what they made

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(work: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """What `work` makes of each, WORKERS of them begun before they are asked for.

    Other threads take them from `given`, one after the other, and work on them: it pays where the
    work lets this one run, as that of Arrow does. A failure comes in its turn.

    >>> list(ahead(str.upper, "abc"))
    ['A', 'B', 'C']
    """
    rest, begun = iter(given), deque[Future[Made]]()
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        taken = pool.submit(_one, rest)
        while not taken.exception() and (one := taken.result()):
            taken = pool.submit(_one, rest)
            begun.append(pool.submit(work, *one))
            if len(begun) > WORKERS:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
        taken.result()  # raises what ended the source early


def _one(rest: Iterator[Given]) -> list[Given]:
    return list(islice(rest, 1))
