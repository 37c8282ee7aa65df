"""Rehearse policies on simulated people before any real user sees them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibrator.cli._output import Format, note, show
from vibrator.writing import write_text

if TYPE_CHECKING:
    from vibrator.simulate.fidelity import Behaviour
    from vibrator.simulate.judges import Judge
    from vibrator.simulate.runner import Plan, Run

PANEL = "Rehearse"


LOOP_TAKES = {"end_to_end", "events", "first_seed", "personas", "how"}


def run(
    ctx: typer.Context,
    policies: list[str] = typer.Argument(
        None, help="Policies such as linucb, epsilon-greedy:epsilon=0.2, lints; default: four."
    ),
    compare: bool = typer.Option(
        False, "--compare", help="Show paired differences from the first policy named."
    ),
    end_to_end: bool = typer.Option(
        False, "--end-to-end", help="Rehearse the whole loop: read, score, guard, decide, learn."
    ),
    events: int = typer.Option(1000, min=1, help="Events a seed."),
    seeds: int = typer.Option(5, min=1, help="Seeds, each with its own events."),
    first_seed: int = typer.Option(0, min=0, help="The first seed."),
    personas: Path = typer.Option(None, help="YAML of personas; default: the standard world."),
    judge: str = typer.Option("published", help="published, smooth, llm, command or replay."),
    log: Path = typer.Option(None, help="Our store's .db: compared with, or played back."),
    model: str = typer.Option(None, help="For --judge llm: openai:NAME or anthropic:NAME."),
    fall_back: bool = typer.Option(False, help="Let the rules judge where the model fails."),
    max_calls: int = typer.Option(1000, help="Budget of calls to the model."),
    max_money: float = typer.Option(1.0, help="Budget of money, in the unit of the price."),
    price: float = typer.Option(0.0, help="What a call costs."),
    cache: Path = typer.Option(None, help="File that keeps the model's answers."),
    command: str = typer.Option(None, help="For --judge command: the program and its arguments."),
    mean_delay: float = typer.Option(0.0, help="Mean events until a reward comes."),
    missing: float = typer.Option(0.0, help="Share of rewards that never come."),
    workers: int = typer.Option(1, min=1, help="Processes; seeds are shared out."),
    store: Path = typer.Option(None, help="SQLite file for the tables sim_runs and sim_events."),
    run_id: str = typer.Option(None, help="Name of this rehearsal in the store."),
    export: Path = typer.Option(None, help="Write the events to .jsonl or .parquet."),
    html: Path = typer.Option(None, help="Write the report as a page."),
    how: Format = typer.Option(Format.table, "--format", help="How rows are printed."),
) -> None:
    """Rehearse policies on simulated people, the same events for every policy.

    Example: vibrator simulate --compare random epsilon-greedy linucb --events 2000 --seeds 10
    """
    from vibrator.simulate.personas import read_personas, standard_world
    from vibrator.simulate.results import differences, policy_rows
    from vibrator.simulate.runner import DEFAULT_LINEUP, Plan
    from vibrator.simulate.world import World

    people = read_personas(personas) if personas else standard_world()
    if end_to_end:
        _refuse_all_but_the_loops(ctx)
        _whole_loop(people, events, first_seed, how)
        return
    wanted = {"model": model, "fall_back": fall_back, "cache": cache}
    wanted |= {"command": command, "log": log, "budget": (max_calls, max_money, price)}
    chosen = _judge(judge, wanted)
    real = _behaviour(log) if log else None  # refused now, not after the rehearsal
    world = World(people, chosen, mean_delay=mean_delay, missing=missing)
    plan = Plan(tuple(policies or DEFAULT_LINEUP), events, seeds, first_seed, world)
    _require_folders(store, export, html)
    runs = _rehearse(plan, workers, _Kept(store, run_id, export))
    if html:
        from vibrator.simulate.report import report_page

        write_text(html, report_page(runs))
        note(f"wrote {html}")
    rows: list[Any] = differences(runs, plan.policies[0]) if compare else policy_rows(runs)
    show([row.row() for row in rows], how, title=f"{events} events, {seeds} seeds")
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where the events go while they are made."""

    store: Path | None
    run_id: str | None
    export: Path | None


def _rehearse(plan: Plan, workers: int, kept: _Kept) -> list[Run]:
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


def _judge(name: str, given: dict[str, Any]) -> Judge:
    from vibrator.errors import BadInput, UnknownName
    from vibrator.simulate.judges import RULES, CommandJudge, ReplayJudge, RuleJudge
    from vibrator.simulate.llm import Budget, LLMJudge, open_model

    if name == "llm":
        if not given["model"]:
            raise BadInput("--judge llm needs --model, as in openai:NAME or anthropic:NAME")
        model = open_model(given["model"], fall_back=given["fall_back"])
        return LLMJudge(
            model,
            budget=Budget(*given["budget"]),
            cache=given["cache"],
            fall_back=given["fall_back"],
        )
    if name == "command":
        if not given["command"]:
            raise BadInput("--judge command needs --command")
        return CommandJudge(tuple(shlex.split(given["command"])))
    if name == "replay":
        if not given["log"]:
            raise BadInput("--judge replay needs --log")
        return ReplayJudge(_pairs(given["log"]))
    if name not in RULES:
        raise UnknownName(f"no judge {name!r}; known: {[*RULES, 'llm', 'command', 'replay']}")
    return RuleJudge(name)
