"""Actions of your own: checked blocks of columns, and UserAction over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from vibrator.datasets.ahead import ahead
from vibrator.datasets.arrow import Parsed, QuickReader
from vibrator.datasets.blocks import ListBlock
from vibrator.datasets.delimited import DelimitedFile, RawBlock
from vibrator.datasets.fields import (
    Field,
    read_id,
    read_mapping,
    read_number,
    read_numbers,
    read_rows,
    read_text,
    read_texts,
)
from vibrator.datasets.report import (
    FIRST,
    BadRow,
    Early,
    Faults,
    ReadReport,
    require_on_error,
    stop,
)
from vibrator.datasets.seen import Seen
from vibrator.datasets.sources import Shape, open_source
from vibrator.datasets.times import Times

if TYPE_CHECKING:
    import pandas as pd

    from vibrator.actions import UserAction
    from vibrator.datasets.blocks import Block
    from vibrator.datasets.sources import Source

Given = Any  # a path, a frame, a Query or a list of mappings
Pulled = tuple[Any, list[BadRow]]


class ActionFrames:
    """Blocks of a source: frames of `timestamp, user_id, action_type, content, weight`.

    Also `action_id` and `metadata` where the source has them; what was not given is missing, a
    weight that was not given is its type's. Each iteration reads the source from its beginning
    and starts a new `report`.
    """

    def __init__(self, source: tuple[str, Source], times: Times, on_error: str) -> None:
        self._name, self._source = source
        self._times = times
        self._on_error = require_on_error(on_error)
        self.report = ReadReport()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (block.frame() for block in self.blocks())

    def blocks(self) -> Iterator[Block]:
        """The blocks before they become frames."""
        self.report = report = ReadReport()
        for block in self._checked(Faults(self._name, report)):
            if report.count and self._on_error == "raise":
                if report.count >= FIRST:
                    break
                continue  # what is left is read for its faults alone
            report.kept += len(block)
            report.naive_times += block.naive
            report.without_time += block.without_time
            if len(block):
                yield block
        if report.count and self._on_error == "raise":
            stop(report)

    def _checked(self, faults: Faults) -> Iterator[Block]:
        """Every block, with its faults noted; CSV is parsed ahead."""
        fields, ids = _fields(self._times), Seen()
        pulled = self._pulled(fields)
        if isinstance(self._source, DelimitedFile):
            found = ahead(partial(_quickly, QuickReader(self._times)), pulled)
        else:
            found = zip(pulled, repeat(None))
        for (raw, early), parsed in found:
            for fault in early:
                faults.report.add(fault)
            block = None if parsed is None else parsed.checked()
            if block is not None:
                yield block
            elif raw is not None:
                yield self._slowly(raw, fields, ids, faults)

    def _pulled(self, fields: Sequence[Field]) -> Iterator[Pulled]:
        """Each raw block with the faults met on the way to it; in the end those after the last."""
        early = Early()
        for raw in self._source.blocks(fields, Faults(self._name, early)):
            yield raw, early.taken()
        yield None, early.taken()

    def _slowly(self, raw: Any, fields: Sequence[Field], ids: Seen, faults: Faults) -> ListBlock:
        rows = replace(raw, faults=faults).rows() if isinstance(raw, RawBlock) else raw
        read = ids.unique(read_rows(rows, fields, faults), "action_id", faults)
        return ListBlock.of(read, self._times)


class Actions:
    """The actions of a source, in its order; each iteration reads it from its beginning.

    `report` tells of the last iteration: rows kept, refused and why.
    """

    def __init__(self, frames: ActionFrames) -> None:
        self.frames = frames

    @property
    def report(self) -> ReadReport:
        """What the last iteration found."""
        return self.frames.report

    def __iter__(self) -> Iterator[UserAction]:
        some = (part for block in self.frames.blocks() for part in block.actions())
        return chain.from_iterable(some)


def read_action_frames(
    source: Given,
    *,
    columns: Mapping[str, str] | None = None,
    timezone: str = "UTC",
    on_error: str = "raise",
    delimiter: str = ",",
) -> ActionFrames:
    """Checked blocks of columns from a file, a frame, a Query or a list of mappings.

    `columns` maps our names to those of the source. Naive times are read as of `timezone` and
    counted in the report; "refuse" refuses them. With `on_error="raise"` the first twenty faults
    come in one BadRows and nothing is given after the first; "skip" goes on without those rows.
    """
    shape = Shape(key="actions", columns=columns or {}, delimiter=delimiter)
    return ActionFrames(open_source(source, shape), Times(timezone), on_error)


def load_actions(
    source: Given,
    *,
    columns: Mapping[str, str] | None = None,
    timezone: str = "UTC",
    on_error: str = "raise",
    delimiter: str = ",",
) -> Actions:
    """The actions of a file, a frame, a Query or a list of mappings; see `read_action_frames`.

    >>> rows = [{"action_type": "write", "content": "ran the ridge", "timestamp": "2026-03-01"}]
    >>> actions = load_actions(rows)
    >>> [action.instruction() for action in actions], str(actions.report)
    (['User wrote: ran the ridge'], '1 rows kept, 0 refused, 1 times without a timezone')
    """
    return Actions(
        read_action_frames(
            source, columns=columns, timezone=timezone, on_error=on_error, delimiter=delimiter
        )
    )


FIELDS = (
    Field("timestamp", read_text),
    Field("user_id", read_id, read_texts),
    Field("action_type", read_text, read_texts, required=True),
    Field("content", read_text, read_texts, required=True),
    Field("weight", read_number, read_numbers),
    Field("action_id", read_id, read_texts),
    Field("metadata", read_mapping),
)


def _quickly(quick: QuickReader, pulled: Pulled) -> tuple[Pulled, Parsed | None]:
    raw, _ = pulled
    return pulled, None if raw is None else quick.parsed(raw)


def _fields(times: Times) -> list[Field]:
    when = replace(FIELDS[0], read=times.read, read_all=times.read_all)
    return [when, *FIELDS[1:]]
