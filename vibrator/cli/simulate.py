"""Rehearse policies on simulated people before any real user sees them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vibrator.cli._asked import asking
from vibrator.cli._output import Format, note, show
from vibrator.writing import write_text

if TYPE_CHECKING:
    from vibrator.simulate.fidelity import Behaviour
    from vibrator.simulate.judges import Judge
    from vibrator.simulate.runner import Plan, Run

PANEL = "Rehearse"
LOOP_TAKES = {"end_to_end", "events", "first_seed", "personas", "how"}


@dataclass(frozen=True)
class Events:
    """Asked: how much is rehearsed, with whom, and how answers come."""

    events: Annotated[int, typer.Option(min=1, help="Events a seed.")] = 1000
    seeds: Annotated[int, typer.Option(min=1, help="Seeds, each with its own events.")] = 5
    first_seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0
    personas: Annotated[
        Path | None, typer.Option(help="YAML of personas; default: the standard world.")
    ] = None
    mean_delay: Annotated[float, typer.Option(help="Mean events until a reward comes.")] = 0.0
    missing: Annotated[float, typer.Option(help="Share of rewards that never come.")] = 0.0
    workers: Annotated[int, typer.Option(min=1, help="Processes; seeds are shared out.")] = 1

    def people(self) -> Any:
        """The personas."""
        from vibrator.simulate.personas import read_personas, standard_world

        return read_personas(self.personas) if self.personas else standard_world()


@dataclass(frozen=True)
class Judging:
    """Asked: who says how people answer."""

    judge: Annotated[str, typer.Option(help="published, smooth, llm, command or replay.")] = (
        "published"
    )
    log: Annotated[
        Path | None, typer.Option(help="Our store's .db: compared with, or played back.")
    ] = None
    model: Annotated[
        str | None, typer.Option(help="For --judge llm: openai:NAME or anthropic:NAME.")
    ] = None
    fall_back: Annotated[bool, typer.Option(help="Let the rules judge where the model fails.")] = (
        False
    )
    max_calls: Annotated[int, typer.Option(help="Budget of calls to the model.")] = 1000
    max_money: Annotated[float, typer.Option(help="Budget of money, in the unit of the price.")] = (
        1.0
    )
    price: Annotated[float, typer.Option(help="What a call costs.")] = 0.0
    cache: Annotated[Path | None, typer.Option(help="File that keeps the model's answers.")] = None
    command: Annotated[
        str | None, typer.Option(help="For --judge command: the program and its arguments.")
    ] = None

    def chosen(self) -> Judge:
        """The judge."""
        from vibrator.errors import UnknownName
        from vibrator.simulate.judges import RULES, RuleJudge

        named = {"llm": self._model, "command": self._program, "replay": self._replay}
        if self.judge in named:
            return named[self.judge]()
        if self.judge not in RULES:
            raise UnknownName(f"no judge {self.judge!r}; known: {[*RULES, *named]}")
        return RuleJudge(self.judge)

    def _model(self) -> Judge:
        from vibrator.errors import BadInput
        from vibrator.simulate.llm import Budget, LLMJudge, open_model

        if not self.model:
            raise BadInput("--judge llm needs --model, as in openai:NAME or anthropic:NAME")
        return LLMJudge(
            open_model(self.model, fall_back=self.fall_back),
            budget=Budget(self.max_calls, self.max_money, self.price),
            cache=self.cache,
            fall_back=self.fall_back,
        )

    def _program(self) -> Judge:
        from vibrator.errors import BadInput
        from vibrator.simulate.judges import CommandJudge

        if not self.command:
            raise BadInput("--judge command needs --command")
        return CommandJudge(tuple(shlex.split(self.command)))

    def _replay(self) -> Judge:
        from vibrator.errors import BadInput
        from vibrator.simulate.judges import ReplayJudge

        if not self.log:
            raise BadInput("--judge replay needs --log")
        return ReplayJudge(_pairs(self.log))


@dataclass(frozen=True)
class Kept:
    """Asked: where events and report go."""

    store: Annotated[
        Path | None, typer.Option(help="SQLite file for the tables sim_runs and sim_events.")
    ] = None
    run_id: Annotated[str | None, typer.Option(help="Name of this rehearsal in the store.")] = None
    export: Annotated[Path | None, typer.Option(help="Write the events to .jsonl or .parquet.")] = (
        None
    )
    html: Annotated[Path | None, typer.Option(help="Write the report as a page.")] = None


@asking
def run(
    ctx: typer.Context,
    policies: list[str] = typer.Argument(
        None, help="Policies such as linucb, epsilon-greedy:epsilon=0.2, lints; default: four."
    ),
    *,
    compare: bool = typer.Option(
        False, "--compare", help="Show paired differences from the first policy named."
    ),
    end_to_end: bool = typer.Option(
        False, "--end-to-end", help="Rehearse the whole loop: read, score, guard, decide, learn."
    ),
    asked: Events,
    judging: Judging,
    kept: Kept,
    how: Format = typer.Option(Format.table, "--format", help="How rows are printed."),
) -> None:
    """Rehearse policies on simulated people, the same events for every policy.

    Example: vibrator simulate --compare random epsilon-greedy linucb --events 2000 --seeds 10
    """
    from vibrator.simulate.results import differences, policy_rows
    from vibrator.simulate.runner import DEFAULT_LINEUP, Plan
    from vibrator.simulate.world import World

    people = asked.people()
    if end_to_end:
        _refuse_all_but_the_loops(ctx)
        _whole_loop(people, asked.events, asked.first_seed, how)
        return
    chosen = judging.chosen()
    real = _behaviour(judging.log) if judging.log else None  # refused now, not after the rehearsal
    world = World(people, chosen, mean_delay=asked.mean_delay, missing=asked.missing)
    lineup = tuple(policies or DEFAULT_LINEUP)
    plan = Plan(lineup, asked.events, asked.seeds, asked.first_seed, world)
    _require_folders(kept.store, kept.export, kept.html)
    runs = _rehearse(plan, asked.workers, kept)
    if kept.html:
        from vibrator.simulate.report import report_page

        write_text(kept.html, report_page(runs))
        note(f"wrote {kept.html}")
    rows: list[Any] = differences(runs, plan.policies[0]) if compare else policy_rows(runs)
    show([row.row() for row in rows], how, title=f"{asked.events} events, {asked.seeds} seeds")
    if real:
        _compare_with(real, runs)
    if hasattr(chosen, "report"):
        note(f"model: {chosen.report()}")


def _require_folders(*paths: Path | None) -> None:
    from vibrator.errors import BadInput

    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise BadInput(f"there is no folder {path.parent} to write {path.name} to")


def _refuse_all_but_the_loops(ctx: typer.Context) -> None:
    from vibrator.errors import BadInput

    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if given - LOOP_TAKES:
        raise BadInput("--end-to-end takes --events, --first-seed, --personas and --format")


def _whole_loop(people: Any, events: int, seed: int, how: Format) -> None:
    from vibrator.simulate.end_to_end import rehearse_end_to_end

    loop = rehearse_end_to_end(events=events, seed=seed, personas=people)
    show(loop.rows(), how, title=f"End to end, {events} events")


def _rehearse(plan: Plan, workers: int, kept: Kept) -> list[Run]:
    from tempfile import TemporaryDirectory

    from rich.progress import track

    from vibrator.actions import utc_now
    from vibrator.simulate.runner import stream
    from vibrator.simulate.tables import Rehearsals, exporter

    if kept.export:
        exporter(kept.export)  # refused now, not after the rehearsal
    runs: list[Run] = []
    now = utc_now()
    run_id = kept.run_id or f"rehearsal-{now:%Y%m%d-%H%M%S}"
    with TemporaryDirectory() as folder:
        tables = None
        if kept.store or kept.export:
            tables = Rehearsals(kept.store or Path(folder) / "rehearsal.db")
            tables.begin(run_id, plan, now)
        done = track(
            stream(plan, workers=workers),
            "rehearsing",
            plan.seeds,
            console=_stderr(),
            transient=True,
        )
        for seed_runs in done:
            runs += seed_runs
            if tables is not None:
                tables.keep(run_id, seed_runs, runs)
        if tables is not None and kept.export:
            note(f"wrote {tables.export(run_id, kept.export)} events to {kept.export}")
        if kept.store:
            note(f"kept as {run_id} in {kept.store}")
    return runs


def _behaviour(log: Path) -> Behaviour:
    from vibrator.simulate.fidelity import behaviour_of

    return behaviour_of(_pairs(log))


def _compare_with(real: Behaviour, runs: list[Run]) -> None:
    import numpy as np

    from vibrator.simulate.fidelity import Behaviour, fidelity, verdict

    simulated = Behaviour(runs[0].actions, runs[0].dwell_ms)
    rows = fidelity(simulated, real, np.random.default_rng(0))
    for row in rows:
        note(f"likeness of {runs[0].policy} to the log: {row}")
    note(verdict(rows))


def _pairs(path: Path) -> list[Any]:
    from vibrator.errors import BadInput
    from vibrator.stores.opening import open_store
    from vibrator.stores.ports import Which

    if not path.exists():
        raise BadInput(f"there is no store {path}")
    store = open_store(f"sqlite:///{path}")
    try:
        return [(decision, came) for _, decision, came in store.decisions.outcomes(Which())]
    finally:
        store.close()


def _stderr() -> Any:
    from rich.console import Console

    return Console(stderr=True)
