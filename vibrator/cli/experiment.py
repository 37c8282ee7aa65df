"""`vibrator experiment`: propose, measure and judge experiments from the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vibrator.cli._output import Format, note, show
from vibrator.writing import safe_cell, write_text

PANEL = "Learn"
app = typer.Typer(help="Experiments: try, measure, learn, challenge.", no_args_is_help=True)

LedgerPath = Annotated[str, typer.Option("--ledger", help="Path or sqlite:/// URL of the ledger.")]
Domain = Annotated[str, typer.Option("--domain", help="What is experimented on.")]
How = Annotated[Format, typer.Option("--format", help="table, json or csv.")]
DEFAULT_LEDGER = "vibrator-experiments.db"


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="JSON settings: domain, space, winner hints.")],
    ledger: LedgerPath = DEFAULT_LEDGER,
    measured: Annotated[
        Path | None, typer.Option(help="CSV, JSON Lines or parquet: id and numbers of each unit.")
    ] = None,
    units_from: Annotated[Path | None, typer.Option(help="New units: an id a line.")] = None,
    assigned: Annotated[Path | None, typer.Option(help="Write as CSV who sees what.")] = None,
    platform: Annotated[
        str | None, typer.Option(help="youtube or instagram; without --measured simulated.")
    ] = None,
    ticks: Annotated[int, typer.Option(min=1, help="How often to go through all stages.")] = 1,
    units: Annotated[int, typer.Option(min=0, help="Units a tick makes up to simulate.")] = 100,
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

    Real units come from --units-from, what was measured of them from --measured; with neither,
    short videos are simulated.

    Example: vibrator experiment run --config lab.json --units-from new.txt --measured units.csv
    """
    from vibrator.errors import BadInput
    from vibrator.experiments.config import AdaptiveConfig
    from vibrator.experiments.hypothesis import HypothesisEngine
    from vibrator.experiments.ledger import Ledger
    from vibrator.experiments.loop import Loop, Plan

    if not config.is_file():
        raise BadInput(f"no file {config}: it holds domain, space and winner hints as JSON")
    settings, book = AdaptiveConfig(config), Ledger(ledger)
    adapter = _adapter(platform, measured, settings.primary_metric)
    engine = HypothesisEngine(book, _model(model), space=settings.get("space"))
    plan = Plan(planned=planned, looks=looks, min_items=settings.min_items_per_variant)
    loop = Loop(book, adapter, engine, config=settings, plan=plan)
    note(adapter.describe())
    real = _ids(units_from) if units_from is not None else []
    rows: list[dict[str, Any]] = []
    for tick in range(1, ticks + 1):
        made_up = [] if measured or units_from else range(units)
        names = real or [f"unit-{len(book)}-{place}" for place in made_up]
        steps = loop.tick(names, dry_run=dry_run).steps
        rows += [{"tick": tick, **step.row()} for step in steps]
    show(rows, how)
    if assigned is not None:
        _write_assigned(loop.state, assigned)
    if report is not None:
        _write_report(ledger, settings.domain, report)


@app.command()
def analyze(
    data: Annotated[Path, typer.Argument(help="A row a unit: .csv, .jsonl, .parquet.")],
    goal: Annotated[str, typer.Option(help="The column that decides.")],
    variant: Annotated[str, typer.Option(help="The column that names the variant.")] = "variant",
    control: Annotated[
        str | None, typer.Option(help="The control; default: first by name.")
    ] = None,
    kind: Annotated[str, typer.Option(help="mean, share, quantile or rank.")] = "mean",
    covariate: Annotated[str | None, typer.Option(help="A column from before the start.")] = None,
    cluster: Annotated[str | None, typer.Option(help="The column that groups the rows.")] = None,
    pair: Annotated[str | None, typer.Option(help="The column that names the pair.")] = None,
    planned: Annotated[int | None, typer.Option(help="Units in all at the last look.")] = None,
    looks: Annotated[int, typer.Option(min=1, help="Planned looks.")] = 1,
    how: How = Format.table,
) -> None:
    """Judge one experiment from a file: the split, the effect, and what must not be concluded.

    Example: vibrator experiment analyze units.csv --goal revenue --covariate before
    """
    from vibrator.errors import BadInput
    from vibrator.experiments.adapters.measured import table_in
    from vibrator.experiments.analysis import analyze as judge
    from vibrator.experiments.design import Experiment, Metric, Variant
    from vibrator.experiments.estimators import Columns

    frame = table_in(data)
    if variant not in frame:
        raise BadInput(f"no column {variant!r} in {data}; there are {list(frame.columns)}")
    frame[variant] = frame[variant].astype(str)
    labels = sorted(frame[variant].unique(), key=lambda label: (label != control, label))
    if control is not None and control not in labels:
        raise BadInput(f"no row of {data} is of the control {control!r}; there are {labels}")
    experiment = Experiment(
        id=data.stem, domain="file", variable=variant, variants=tuple(map(Variant, labels)),
        metrics=(Metric(name=goal, kind=kind, covariate=covariate),),
        mode="paired" if pair else "interleaved", planned=planned, looks=looks,
    )  # fmt: skip
    verdict = judge(experiment, frame, columns=Columns(variant, pair, cluster))
    show([finding.row() for finding in verdict.findings], how)
    note(f"{verdict.state}{f': {verdict.winner}' if verdict.winner else ''}")
    for words in verdict.must_not:
        note(f"- {words}")


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
def assign(
    units: Annotated[list[str], typer.Argument(help="Ids of units.")],
    experiment: Annotated[str, typer.Option(help="Id of the experiment.")],
    weights: Annotated[str, typer.Option(help='JSON: {"a": 1, "b": 1}.')],
    salt: Annotated[str, typer.Option(help="Changes every assignment.")] = "",
    how: How = Format.table,
) -> None:
    """Who sees what, by stable hash.

    Example: vibrator experiment assign ada bruno --experiment hooks --weights '{"a":1,"b":1}'
    """
    from vibrator.experiments.assignment import Allocation

    plan = Allocation(experiment_id=experiment, weights=_object("weights", weights), salt=salt)
    pairs = zip(units, plan.assign(units), strict=True)
    show([{"unit": unit, "variant": variant} for unit, variant in pairs], how)


@app.command(name="import")
def import_records(
    source: Annotated[Path, typer.Argument(help="A JSON array, or JSON Lines (.jsonl).")],
    ledger: LedgerPath = DEFAULT_LEDGER,
    keep_good: Annotated[bool, typer.Option("--keep-good", help="Let good rows in alone.")] = False,
) -> None:
    """Append records from a file, a torn one up to the tear.

    Example: vibrator experiment import old-ledger.json --ledger lab.db
    """
    from vibrator.errors import BadInput
    from vibrator.experiments.interchange import import_json, import_jsonl
    from vibrator.experiments.ledger import Ledger

    if not source.is_file():
        raise BadInput(f"no file {source}")
    read = import_jsonl if source.suffix == ".jsonl" else import_json
    report = read(Ledger(ledger), source, keep_good=keep_good)
    note(f"{report.imported} records imported, {len(report.rejected)} refused")
    if report.torn_at is not None:
        note(f"{source} is torn: it ends well only up to byte {report.torn_at}")


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="The JSON Lines file to write.")],
    ledger: LedgerPath = DEFAULT_LEDGER,
) -> None:
    """Write the ledger as JSON Lines.

    Example: vibrator experiment export lab.jsonl --ledger lab.db
    """
    from vibrator.experiments.interchange import export_jsonl

    note(f"{export_jsonl(_existing(ledger), target)} records written to {target}")


@app.command()
def report(
    target: Annotated[Path, typer.Argument(help="The HTML file to write.")],
    domain: Domain,
    ledger: LedgerPath = DEFAULT_LEDGER,
) -> None:
    """Write the page of one domain: effects, looks, power left.

    Example: vibrator experiment report lab.html --domain short_video --ledger lab.db
    """
    from vibrator.errors import UnknownName

    book = _existing(ledger)
    if domain not in (known := book.all_domains()) and book.load_state(domain)[0] is None:
        raise UnknownName(f"no domain {domain!r} in {ledger}; there are {known}")
    _write_report(ledger, domain, target)


def _adapter(platform: str | None, measured: Path | None, primary: str) -> Any:
    from vibrator.experiments.adapters import MeasuredAdapter, ShortVideoAdapter, measured_in

    source = None if measured is None else measured_in(measured)
    if source is not None and platform is None:
        return MeasuredAdapter(source, primary)
    return ShortVideoAdapter(platform or "youtube", source)


def _ids(path: Path) -> list[str]:
    from vibrator.errors import BadInput

    if not path.is_file():
        raise BadInput(f"no file {path}")
    return [line.strip() for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def _write_assigned(state: Any, target: Path) -> None:
    """Every unit of what runs now, with the params that it is to see."""
    import pandas as pd

    columns = ["experiment", "variable", "unit", "variant", "params"]
    rows: list[tuple[str, ...]] = []
    for experiment in state.current:
        params = {arm.label: json.dumps(dict(arm.params)) for arm in experiment.variants}
        rows += [
            (experiment.id, experiment.variable, safe_cell(i["item_id"]), v, params[v])
            for i in experiment.items
            for v in [i["variant"]]
        ]
    write_text(target, pd.DataFrame(rows, columns=columns).to_csv(index=False))
    note(f"{len(rows)} assignments written to {target}")


def _write_report(ledger: str, domain: str, target: Path) -> None:
    from vibrator.experiments.report import page

    write_text(target, page(_existing(ledger), domain))
    note(f"report written to {target}")


def _existing(ledger: str) -> Any:
    """The ledger, which has to be there: reading makes no new file."""
    from vibrator.errors import BadInput
    from vibrator.experiments.ledger import Ledger, path_of

    if not Path(path_of(ledger)).is_file():
        raise BadInput(f"no ledger at {ledger}")
    return Ledger(ledger)


def _model(name: str | None) -> Any:
    """`openai:NAME` or `anthropic:NAME`; keys come from the environment."""
    from vibrator.errors import UnknownName
    from vibrator.http import AnthropicModel, OpenAIModel

    if name is None:
        return None
    makers = {"openai": OpenAIModel, "anthropic": AnthropicModel}
    maker, _, model = name.partition(":")
    if maker not in makers or not model:
        raise UnknownName(f"a model is named openai:NAME or anthropic:NAME, got {name!r}")
    return makers[maker](model)


def _object(name: str, text: str) -> dict[str, Any]:
    from vibrator.errors import BadInput

    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadInput(f"{name} must be a JSON object, got {text!r}")
    return value
