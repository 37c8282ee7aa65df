"""What another policy would have earned on a log, or why the log cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.cli._output import Format, note, show

if TYPE_CHECKING:
    from vibrator.bandits.logs import BanditLog

PANEL = "Learn"


def run(
    log: Path = typer.Argument(..., help="An Open Bandit CSV or its folder, or our store's .db."),
    target: str = typer.Option(
        "uniform", help="uniform (over what could be chosen), logged, always:ARM."
    ),
    interval: str = typer.Option("analytic", help="analytic, bootstrap or anytime."),
    by_position: bool = typer.Option(False, help="One evaluation for every position."),
    unrewarded: float = typer.Option(
        None, help="What a decision without an outcome earned; left out, it is refused."
    ),
    seed: int = typer.Option(0, help="Seed of cross-fitting and bootstrap."),
    how: Format = typer.Option(Format.table, "--format", help="How rows are printed."),
) -> None:
    """Off-policy evaluation by seven estimators, refused where the overlap is missing.

    Example: vibrator evaluate-policy obd/men --target always:3 --by-position
    """
    import numpy as np

    from vibrator.bandits.evaluate import evaluate_policy
    from vibrator.bandits.slates import evaluate_by_position

    logged, rng = _read(log, unrewarded), np.random.default_rng(seed)
    pi = _target(target, logged)
    if by_position:
        found = evaluate_by_position(logged, pi, rng, interval=interval)
        rows = [{"position": at} | row for at, one in found.items() for row in one.rows()]
    else:
        whole = evaluate_policy(logged, pi, rng, interval=interval)
        rows = whole.rows()
        note(f"logged mean reward {whole.logged:.6g}; {whole.overlap}")
    show(rows, how, title=f"{target} on {len(logged)} decisions")


def _read(path: Path, unrewarded: float | None) -> BanditLog:
    from vibrator.bandits.logs import log_of_decisions, read_open_bandit

    if path.suffix not in {".db", ".sqlite", ".sqlite3"}:
        return read_open_bandit(path)
    from vibrator.errors import BadInput
    from vibrator.stores.opening import open_store
    from vibrator.stores.ports import Which

    if not path.exists():
        raise BadInput(f"there is no store {path}")
    store = open_store(f"sqlite:///{path}")
    try:
        decisions = list(store.decisions.decisions(Which()))
        outcomes = [outcome for _, _, outcome in store.decisions.outcomes(Which())]
    finally:
        store.close()
    if not decisions:
        raise BadInput(f"{path} holds no decisions")
    return log_of_decisions(decisions, outcomes, unrewarded=unrewarded)


def _target(name: str, log: BanditLog) -> Any:
    import numpy as np

    from vibrator.errors import BadInput, UnknownName

    shape = len(log), len(log.names)
    kind, _, arm = name.partition(":")
    if kind == "uniform":
        possible = np.ones(shape) if log.behaviour is None else log.behaviour > 0
        return possible / possible.sum(axis=1, keepdims=True)
    if kind == "logged":
        if log.behaviour is None:
            raise BadInput("this log does not say every arm's propensity")
        return log.behaviour
    if kind != "always":
        raise UnknownName(f"no target {name!r}; known: uniform, logged, always:ARM")
    if arm not in log.names:
        raise UnknownName(f"no arm {arm!r} in the log; known: {list(log.names)}")
    return np.eye(len(log.names))[np.full(len(log), log.names.index(arm))]
