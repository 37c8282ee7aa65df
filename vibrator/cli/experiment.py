"""`vibrator experiment`: propose, measure and judge experiments from the shell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from vibrator.cli._asked import asking
from vibrator.cli._files import json_object
from vibrator.cli._output import Format, note, show
from vibrator.cli._store import TENANT
from vibrator.cli._trial import Book, Judged, Live, ids_in, plain, settings_in, shown
from vibrator.errors import BadInput, UnknownName
from vibrator.writing import safe_cell, write_text

PANEL = "Learn"
app = typer.Typer(help="Experiments: try, measure, learn, challenge.", no_args_is_help=True)

Domain = Annotated[str, typer.Option("--domain", help="What is experimented on.")]
How = Annotated[Format, typer.Option("--format", help="table, json or csv.")]
MADE_UP = "unit-"  # how units are called that nobody named
BRIEF = ("metric", "variant", "difference", "interval_low", "interval_high", "adjusted", "better",
         "says")  # fmt: skip


def _none(_: Sequence[str]) -> list[dict[str, Any]]:
    """The measurements of units that were only handed out so far."""
    return []


@dataclass(frozen=True)
class Source:
    """Asked by `run`: where units and measurements come from, if not from a store."""

    measured: Annotated[
        Path | None, typer.Option(help="CSV, JSON Lines or parquet: id and numbers of each unit.")
    ] = None
    units_from: Annotated[Path | None, typer.Option(help="New units: an id a line.")] = None
    platform: Annotated[
        str | None, typer.Option(help="youtube or instagram; without --measured simulated.")
    ] = None
    units: Annotated[int, typer.Option(min=0, help="Units a tick makes up to simulate.")] = 100

    def adapter(self, primary: str) -> Any:
        """The adapter over files, or over nothing at all."""
        from vibrator.experiments.adapters import MeasuredAdapter, ShortVideoAdapter, measured_in

        source = None if self.simulated else measured_in(self.measured) if self.measured else _none
        if source is not None and self.platform is None:
            return MeasuredAdapter(source, primary)
        return ShortVideoAdapter(self.platform or "youtube", source)

    @property
    def simulated(self) -> bool:
        """Whether there is nothing of the caller's: no units, no measurements."""
        return self.measured is None and self.units_from is None

    def new(self, start: int) -> list[str]:
        """The units that take part from now on."""
        if self.units_from is not None:
            return ids_in(self.units_from)
        return [f"{MADE_UP}{start}-{n}" for n in range(self.units)] if self.simulated else []


@app.command()
@asking
def run(
    config: Annotated[Path, typer.Option(help="JSON settings: domain, space, winner hints.")],
    source: Source,
    live: Live,
    book: Book,
    assigned: Annotated[Path | None, typer.Option(help="Write as CSV who sees what.")] = None,
    ticks: Annotated[int, typer.Option(min=1, help="How often to go through all stages.")] = 1,
    planned: Annotated[int, typer.Option(min=2, help="Units an experiment takes in all.")] = 400,
    looks: Annotated[int, typer.Option(min=1, help="Planned looks at each.")] = 4,
    model: Annotated[
        str | None, typer.Option(help="openai:NAME or anthropic:NAME; none: the offline proposer.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Keep nothing, ask nobody.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    how: How = Format.table,
) -> None:
    """Go on with the loop where it stopped: propose, assign, collect, analyze, conclude, challenge.

    Decisions of an application come from --store. Else real units come from --units-from, what was
    measured of them from --measured, now or later; with neither, short videos are simulated.

    Example: vibrator experiment run --config lab.json --units-from new.txt --measured units.csv
    """
    from vibrator.experiments.hypothesis import HypothesisEngine
    from vibrator.experiments.loop import Loop, Plan

    settings = settings_in(config)
    with ExitStack() as opened:
        adapter = _adapter(source, live, opened, (settings.primary_metric, book.tenant))
        ledger = book.open(live.store)
        engine = HypothesisEngine(ledger, _model(model), space=settings.get("space"))
        plan = Plan(planned=planned, looks=looks, min_items=settings.min_items_per_variant)
        loop = Loop(ledger, adapter, engine, config=settings, plan=plan)
        note(adapter.describe())
        if live.store is None and source.simulated:
            _require_made_up(loop.state)
        rows: list[dict[str, Any]] = []
        for tick in range(1, ticks + 1):
            units = source.new(len(ledger)) if live.store is None else []
            steps = loop.tick(units, dry_run=dry_run).steps
            rows += [{"tick": tick, **step.row()} for step in steps]
    show(rows, how)
    if not rows:
        note("nothing is new since the last tick")
    if live.store is not None:
        _say_what_to_show(loop.state, book.place(live.store))
    if assigned is not None:
        _write_assigned(loop.state, assigned)
    if report is not None:
        _write_report(ledger, settings.domain, report)


@app.command()
@asking
def analyze(
    judged: Judged,
    live: Live,
    data: Annotated[
        Path | None, typer.Argument(help="A row a unit: .csv, .jsonl, .parquet; or a --store.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Its id in the decisions of a --store.")
    ] = None,
    variant: Annotated[str, typer.Option(help="The column that names the variant.")] = "variant",
    cluster: Annotated[str | None, typer.Option(help="The column that groups the rows.")] = None,
    pair: Annotated[str | None, typer.Option(help="The column that names the pair.")] = None,
    verdict: Annotated[Path | None, typer.Option(help="Write the whole verdict as JSON.")] = None,
    tenant: str = TENANT,
    how: How = Format.table,
) -> None:
    """Judge one experiment: the split, the effect, and what must not be concluded.

    Its rows come from a file, or from the decisions that a --store logged under --experiment;
    those of one user are read as a cluster.

    Example: vibrator experiment analyze units.csv --goal revenue --covariate before
    """
    from vibrator.experiments.analysis import analyze as judge
    from vibrator.experiments.estimators import Columns
    from vibrator.experiments.verdict import STATES

    if (data is None) == (live.store is None):
        raise BadInput("rows come from a file or from --store URL --experiment ID: say one of them")
    if data is not None:
        frame, name = _table(data, variant, live), data.stem
    else:
        name = experiment or (judged.designed().id if judged.design else "")
        if variant != "variant":
            raise BadInput(f"--variant names a column of a file, a --store has none: {variant!r}")
        with live.decisions(tenant) as log:
            frame = shown(log, name, live.counting())
        cluster = cluster or "user_id"
    trial = judged.experiment(name, list(frame[variant].unique()), paired=pair is not None)
    found = judge(trial, frame, columns=Columns(variant, pair, None if pair else cluster))
    rows = [finding.row() for finding in found.findings]
    brief = [{name: row[name] for name in BRIEF} for row in rows]
    show(brief if how is Format.table else rows, how)
    note(f"{found.state}{f': {found.winner}' if found.winner else ''} ({STATES[found.state]})")
    for words in found.must_not:
        note(f"- {words}")
    if verdict is not None:
        write_text(verdict, plain(found.to_dict()) + "\n")


@app.command()
def power(
    effect: Annotated[float, typer.Option(help="The difference to find.")],
    sd: Annotated[float, typer.Option(help="Standard deviation of one unit.")] = 1.0,
    base: Annotated[float | None, typer.Option(help="The control's share, for shares.")] = None,
    alpha: Annotated[float, typer.Option(help="Error allowed.")] = 0.05,
    wanted: Annotated[float, typer.Option("--power", help="Power wanted.")] = 0.8,
    units_a_day: Annotated[float | None, typer.Option(help="Units that arrive a day.")] = None,
    how: How = Format.table,
) -> None:
    """How many units an answer needs, and how many days.

    Example: vibrator experiment power --base 0.05 --effect 0.01 --units-a-day 900
    """
    import math

    from vibrator.stats.power import days_for, units_for_means, units_for_shares

    if base is None:
        units = units_for_means(effect, sd=sd, alpha=alpha, power=wanted)
    else:
        units = units_for_shares(base, base + effect, alpha=alpha, power=wanted)
    row: dict[str, Any] = {"units_an_arm": math.ceil(units), "units_in_all": 2 * math.ceil(units)}
    if units_a_day is not None:
        row["days"] = days_for(units, units_a_day=units_a_day)
    show([row], how)


@app.command()
@asking
def assign(
    units: Annotated[list[str], typer.Argument(help="Ids of units.")],
    book: Book,
    experiment: Annotated[
        str | None, typer.Option(help="Id of an experiment of your own, with --weights.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help='JSON: {"a": 1, "b": 1}.')] = None,
    salt: Annotated[str, typer.Option(help="Changes every assignment.")] = "",
    domain: Annotated[
        str | None, typer.Option(help="Instead: what runs in this domain of the ledger.")
    ] = None,
    how: How = Format.table,
) -> None:
    """Who sees what, by stable hash: in one experiment, or in all that run in a domain.

    Example: vibrator experiment assign ada bruno --experiment hooks --weights '{"a":1,"b":1}'
    """
    from vibrator.experiments.assignment import Allocation
    from vibrator.experiments.loop import load_state, showing

    if domain is not None:
        if (experiment, weights, salt) != (None, None, ""):
            raise BadInput("--domain reads it all from the ledger: say nothing else of it")
        state = load_state(book.existing(), domain)
        if not state.current:
            raise UnknownName(f"nothing runs in the domain {domain!r} of {book.place()}")
        rows: list[dict[str, Any]] = [
            {"unit": unit, "experiment": name, "variant": arm.label, "params": plain(arm.params)}
            for unit in units
            for name, arm in showing(state, unit).items()
        ]
    elif experiment is None or weights is None:
        raise BadInput("say --experiment ID --weights JSON, or --domain NAME of what runs there")
    else:
        shares = json_object(weights, "weights")
        plan = Allocation(experiment_id=experiment, weights=shares, salt=salt)
        pairs = zip(units, plan.assign(units), strict=True)
        rows = [{"unit": unit, "variant": variant} for unit, variant in pairs]
    show(rows, how)


@app.command(name="import")
@asking
def import_records(
    source: Annotated[Path, typer.Argument(help="A JSON array, or JSON Lines (.jsonl).")],
    book: Book,
    keep_good: Annotated[bool, typer.Option("--keep-good", help="Let good rows in alone.")] = False,
) -> None:
    """Append records from a file, a torn one up to the tear.

    Example: vibrator experiment import old-ledger.json --ledger lab.db
    """
    from vibrator.experiments.interchange import import_json, import_jsonl

    if not source.is_file():
        raise BadInput(f"no file {source}")
    read = import_jsonl if source.suffix == ".jsonl" else import_json
    report = read(book.open(), source, keep_good=keep_good)
    note(f"{report.imported} records imported, {len(report.rejected)} refused")
    if report.torn_at is not None:
        note(f"{source} is torn: it ends well only up to byte {report.torn_at}")


@app.command()
@asking
def export(
    target: Annotated[Path, typer.Argument(help="The JSON Lines file to write.")],
    book: Book,
) -> None:
    """Write the ledger as JSON Lines.

    Example: vibrator experiment export lab.jsonl --ledger lab.db
    """
    from vibrator.experiments.interchange import export_jsonl

    note(f"{export_jsonl(book.existing(), target)} records written to {target}")


@app.command()
@asking
def report(
    target: Annotated[Path, typer.Argument(help="The HTML file to write.")],
    domain: Domain,
    book: Book,
) -> None:
    """Write the page of one domain: effects, looks, power left.

    Example: vibrator experiment report lab.html --domain short_video --ledger lab.db
    """
    ledger = book.existing()
    if domain not in (known := ledger.all_domains()) and ledger.load_state(domain)[0] is None:
        raise UnknownName(f"no domain {domain!r} in {book.place()}; there are {known}")
    _write_report(ledger, domain, target)


def _adapter(source: Source, live: Live, opened: ExitStack, named: tuple[str, str]) -> Any:
    from vibrator.experiments.adapters import DecisionLogAdapter
    from vibrator.experiments.adapters.decision_log import MEASURED
    from vibrator.experiments.adapters.port import PRIMARY

    primary, tenant = named
    counting = live.counting()
    if live.store is None:
        return source.adapter(primary)
    given = ("measured", "units_from", "platform")
    beside = [name for name in given if getattr(source, name) is not None]
    if beside:
        raise BadInput(f"units and measurements come from --store, so leave out {beside}")
    if primary not in (PRIMARY, *MEASURED):
        raise UnknownName(f"primary_metric of a store is one of {MEASURED}, got {primary!r}")
    return DecisionLogAdapter(opened.enter_context(live.decisions(tenant)), counting)


def _require_made_up(state: Any) -> None:
    """Nobody's real units are measured by a simulation."""
    real = [i["item_id"] for e in state.current for i in e.items
            if not i["item_id"].startswith(MADE_UP)]  # fmt: skip
    if real:
        raise BadInput(
            f"{len(real)} units wait for what was measured of them, the first is {real[0]!r}: "
            "say --measured FILE or --store URL; without them it would be simulated"
        )


def _table(data: Path, variant: str, live: Live) -> Any:
    """The rows of a file, each with its variant as text."""
    from vibrator.experiments.adapters.measured import table_in

    live.counting()  # refuses options that are about a store
    frame = table_in(data)
    if variant not in frame:
        raise BadInput(f"no column {variant!r} in {data}; there are {list(frame.columns)}")
    if frame[variant].isna().any():
        row = int(frame[variant].isna().to_numpy().argmax())
        raise BadInput(f"every row of {data} needs its {variant}, row {row} has none")
    frame[variant] = frame[variant].astype(str)
    return frame


def _say_what_to_show(state: Any, ledger: str) -> None:
    for experiment in state.current:
        words = " or ".join(map(repr, experiment.labels))
        note(
            f"{experiment.variable} runs: let every decision's context say "
            f'{{"experiments": {{"{experiment.id}": …}}}} with {words}, '
            f"as `vibrator experiment assign USER --domain {experiment.domain} --ledger {ledger}` "
            "hands them out"
        )


def _write_assigned(state: Any, target: Path) -> None:
    """Every unit of what runs now, with the params that it is to see."""
    import pandas as pd

    columns = ["experiment", "variable", "unit", "variant", "params"]
    rows: list[tuple[str, ...]] = []
    for experiment in state.current:
        params = {arm.label: plain(dict(arm.params)) for arm in experiment.variants}
        rows += [
            (experiment.id, experiment.variable, safe_cell(i["item_id"]), v, params[v])
            for i in experiment.items
            for v in [i["variant"]]
        ]
    write_text(target, pd.DataFrame(rows, columns=columns).to_csv(index=False))
    note(f"{len(rows)} assignments written to {target}")


def _write_report(ledger: Any, domain: str, target: Path) -> None:
    from vibrator.experiments.report import page

    write_text(target, page(ledger, domain))
    note(f"report written to {target}")


def _model(name: str | None) -> Any:
    """`openai:NAME` or `anthropic:NAME`; keys come from the environment."""
    from vibrator.http import AnthropicModel, OpenAIModel

    if name is None:
        return None
    makers = {"openai": OpenAIModel, "anthropic": AnthropicModel}
    maker, _, model = name.partition(":")
    if maker not in makers or not model:
        raise UnknownName(f"a model is named openai:NAME or anthropic:NAME, got {name!r}")
    return makers[maker](model)
