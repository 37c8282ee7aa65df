"""Jobs run here, on a cluster of this machine, or on one at an address: one result."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vibrator.encoders.ports import EncoderConfig
from vibrator.errors import BadInput
from vibrator.optional import need
from vibrator.scale.jobs import Fold, Shuffle, Work
from vibrator.scale.output import Output, Part, write_part
from vibrator.scale.pieces import Piece, states

Told = Callable[[int, int, int], None]  # parts done, parts in all, rows written

SAMPLE = 2_000  # rows that a dry run works on
SHUFFLED = "_shuffled"
PER_SHARD = 1_000_000  # events of a shard, folded by one worker


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run leaves: parts, rows, and one checksum over them all."""

    parts: int
    rows: int
    checksum: str
    resumed: int  # parts that an earlier run had finished


def _quiet(_done: int, _parts: int, _rows: int) -> None:
    """Says nothing."""


@contextmanager
def cluster(where: int | str | None) -> Iterator[Any]:
    """A Dask client: so many workers of this machine, those at an address, or none for here."""
    if where is None:
        yield None
        return
    distributed = need("distributed", extra="scale")
    if isinstance(where, str):
        with distributed.Client(where) as client:
            yield client
        return
    if where < 1:
        raise BadInput(f"workers must be at least 1, got {where}")
    with (
        distributed.LocalCluster(
            n_workers=where, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


def run(
    work: Work,
    pieces: Sequence[Piece],
    output: str | Path,
    *,
    client: Any = None,
    told: Told = _quiet,
    state: Sequence[str] | None = None,
) -> Finished:
    """Every piece into a part of its own, once; what an earlier run finished is not done again.

    `state` tells of the inputs, where it is not the pieces' own files that matter.
    """
    job = {
        "work": type(work).__name__,
        "settings": asdict(work),  # type: ignore[call-overload]
        "pieces": list(map(repr, pieces)),
        "state": _state(work, pieces) if state is None else list(state),
    }
    names = {f"part-{at:05d}.parquet": piece for at, piece in enumerate(pieces)}
    with Output(output, job) as out:
        resumed = len(out.parts)
        left = {name: piece for name, piece in names.items() if name not in out.parts}
        for part in _parts(work, left, str(out.folder.resolve()), client):
            out.record(part)
            told(len(out.parts), len(names), sum(p.rows for p in out.parts.values()))
        rows = sum(part.rows for part in out.parts.values())
        return Finished(len(names), rows, out.checksum, resumed)


def run_profiles(
    encoder: EncoderConfig,
    pieces: Sequence[Piece],
    output: str | Path,
    *,
    client: Any = None,
    told: Told = _quiet,
    on_error: str = "raise",
) -> Finished:
    """Profiles of everybody: actions go to their users' shards, each shard is folded by itself.

    With `on_error="skip"` rows that break a rule are left out.
    """
    shards = max(1, -(-sum(piece.rows for piece in pieces) // PER_SHARD))
    shuffle = Shuffle(shards, on_error)
    shuffled = Path(output).resolve() / f"{SHUFFLED}_{on_error}"
    state = [*_state(shuffle, pieces), on_error]
    if len(list(Path(output).glob("part-*.parquet"))) < shards:
        run(shuffle, pieces, shuffled, client=client, told=told)
    parts = tuple(str(shuffled / f"part-{at:05d}.parquet") for at in range(len(pieces)))
    # A shard is told by its number in place of a row group; its input is named by the pieces.
    wanted = [replace(pieces[0], groups=(shard,), rows=0, size=0) for shard in range(shards)]
    work = Fold(encoder, parts)
    done = run(work, wanted, output, client=client, told=told, state=state)
    shutil.rmtree(shuffled, ignore_errors=True)
    return done


def estimate(work: Work, pieces: Sequence[Piece]) -> dict[str, Any]:
    """What a run would read, give and take, from a few rows that are worked on here and now."""
    rows = sum(piece.rows for piece in pieces)
    first = next(piece for piece in pieces if piece.rows)
    sample = replace(first, limit=SAMPLE)
    work.frame(sample)  # loads the encoder, whose start is not part of the rate
    started = time.process_time()
    made = len(work.frame(sample))
    seconds = time.process_time() - started
    share = rows / min(SAMPLE, first.rows)
    return {
        "pieces": len(pieces),
        "rows": rows,
        "megabytes": sum(piece.size for piece in pieces) / 1e6,
        "rows_out": round(made * share),
        "core_seconds": seconds * share,
    }


def _state(work: Work, pieces: Sequence[Piece]) -> list[str]:
    return states([*sorted({piece.url for piece in pieces}), *work.reads])


def _make(work: Work, piece: Piece, folder: str, name: str) -> Part:
    # Sums of several threads differ in their last bits from those of one: here, there is one.
    with threadpool_limits(1):
        return write_part(folder, name, work.frame(piece))


def _parts(work: Work, left: dict[str, Piece], folder: str, client: Any) -> Iterator[Part]:
    if client is None:
        for name, piece in left.items():
            yield _make(work, piece, folder, name)
        return
    distributed = need("distributed", extra="scale")
    futures = [
        client.submit(_make, work, piece, folder, name, pure=False) for name, piece in left.items()
    ]
    try:
        for future in distributed.as_completed(futures):
            yield future.result()
    finally:
        client.cancel(futures)
