"""Options that the commands on experiments share: the ledger, a store's decisions, the design."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vibrator.cli._files import json_object
from vibrator.cli._output import note
from vibrator.cli._store import TENANT
from vibrator.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from vibrator.experiments.adapters import Counting
    from vibrator.experiments.design import Experiment
    from vibrator.experiments.ledger import Ledger
    from vibrator.stores.ports import DecisionLog

DEFAULT_LEDGER = "vibrator-experiments.db"
SQLITE = "sqlite:"


@dataclass(frozen=True)
class Book:
    """Asked by commands that read or write a ledger."""

    ledger: Annotated[
        str | None,
        typer.Option(
            help=f"Path or sqlite:/// URL; else the SQLite store given, else {DEFAULT_LEDGER}."
        ),
    ] = None
    tenant: str = TENANT

    def place(self, store: str | None = None) -> str:
        """Where the ledger is: the store's own file holds it too, so that the console shows it."""
        beside = store if store is not None and store.startswith(SQLITE) else DEFAULT_LEDGER
        return self.ledger or beside

    def open(self, store: str | None = None) -> Ledger:
        """The ledger, made if there is none yet."""
        from vibrator.experiments.ledger import Ledger

        return Ledger(self.place(store), tenant=self.tenant)

    def existing(self, store: str | None = None) -> Ledger:
        """The ledger, which has to be there: reading makes no new file."""
        from vibrator.experiments.ledger import path_of

        if not Path(path_of(self.place(store))).is_file():
            raise BadInput(f"no ledger at {self.place(store)}")
        return self.open(store)


@dataclass(frozen=True)
class Live:
    """Asked by commands that read what an application decided, and what came of it."""

    store: Annotated[
        str | None,
        typer.Option(help="Read decisions and outcomes from here, such as sqlite:///app.db."),
    ] = None
    within_hours: Annotated[
        float | None,
        typer.Option(help="Hours in which outcomes of a decision count; it is read after them."),
    ] = None
    unrewarded: Annotated[
        float | None,
        typer.Option(help="What a decision earned that had no reward in --within-hours."),
    ] = None

    def counting(self) -> Counting:
        """Which outcomes count."""
        from vibrator.experiments.adapters import Counting

        if self.store is None and (self.within_hours, self.unrewarded) != (None, None):
            raise BadInput("--within-hours and --unrewarded are about the decisions of a --store")
        if self.unrewarded is not None and self.within_hours is None:
            raise BadInput(
                "--unrewarded needs --within-hours: without it a decision of just now would "
                "count as one that nobody answered"
            )
        hours = self.within_hours
        try:
            within = None if hours is None else timedelta(hours=hours)
        except (ValueError, OverflowError):
            raise BadInput(f"--within-hours must be hours that can pass, got {hours}") from None
        return Counting(within=within, unrewarded=self.unrewarded)

    @contextmanager
    def decisions(self, tenant: str) -> Iterator[DecisionLog]:
        """The store's decisions; reading makes no new store."""
        from vibrator.experiments.ledger import path_of
        from vibrator.stores.opening import open_store

        url = str(self.store)
        if url.startswith(SQLITE) and not Path(path_of(url)).is_file():
            raise BadInput(f"no store at {url}")
        opened = open_store(url, tenant=tenant)
        try:
            if not hasattr(opened, "decisions"):
                raise BadInput(f"a store of decisions is needed, {url} keeps none")
            yield opened.decisions
        finally:
            opened.close()


@dataclass(frozen=True)
class Judged:
    """Asked where one experiment is judged: what was planned, in options or in a file."""

    goal: Annotated[str | None, typer.Option(help="The column that decides.")] = None
    kind: Annotated[str, typer.Option(help="mean, share, ratio, quantile or rank.")] = "mean"
    covariate: Annotated[str | None, typer.Option(help="A column from before the start.")] = None
    denominator: Annotated[str | None, typer.Option(help="The column below, for a ratio.")] = None
    control: Annotated[str | None, typer.Option(help="The control; default: first by name.")] = None
    weights: Annotated[
        str, typer.Option(help='JSON: planned shares, such as {"old": 3, "new": 1}; else equal.')
    ] = "{}"
    planned: Annotated[int | None, typer.Option(help="Units in all at the last look.")] = None
    looks: Annotated[int, typer.Option(min=1, help="Planned looks.")] = 1
    design: Annotated[
        Path | None,
        typer.Option(help="JSON of a whole Experiment instead: metrics, roles, looks, weights."),
    ] = None

    def experiment(self, name: str, labels: Sequence[str], *, paired: bool) -> Experiment:
        """The experiment that the options or the file say, over the variants that arrived."""
        from vibrator.experiments.design import Experiment, Metric, Variant

        if self.design is not None:
            return self.designed()
        if self.goal is None:
            raise BadInput("say --goal COLUMN, or --design FILE with a whole experiment")
        if self.control is not None and self.control not in labels:
            raise BadInput(f"no row is of the control {self.control!r}; there are {list(labels)}")
        if len(labels) < 2:
            raise BadInput(f"there must be rows of 2 variants to compare, got only {list(labels)}")
        order = sorted(labels, key=lambda label: (label != self.control, label))
        metric = Metric(
            name=self.goal, kind=self.kind, covariate=self.covariate, denominator=self.denominator
        )
        return Experiment(
            id=name, domain="file", variable="variant", variants=tuple(map(Variant, order)),
            metrics=(metric,), mode="paired" if paired else "interleaved",
            planned=self.planned, looks=self.looks, weights=json_object(self.weights, "weights"),
        )  # fmt: skip

    def designed(self) -> Experiment:
        """The experiment in the file; options beside it would be ignored, so there may be none."""
        from vibrator.experiments.design import Experiment

        beside = [name for name, default in (("goal", None), ("control", None), ("weights", "{}"),
                  ("covariate", None), ("denominator", None), ("planned", None), ("looks", 1),
                  ("kind", "mean")) if getattr(self, name) != default]  # fmt: skip
        if beside:
            raise BadInput(f"--design says all of the experiment, so leave out {beside}")
        if self.design is None:
            raise BadInput("say --design FILE with a whole experiment")
        return Experiment.from_dict(json_object(_text_in(self.design), "the design"))


def shown(log: DecisionLog, experiment: str, counting: Counting) -> Any:
    """The decisions of an experiment as a table; what had to be left out is said."""
    from vibrator.experiments.adapters import decision_frame, first_variant_of_each
    from vibrator.experiments.adapters.decision_log import experiments_in

    known = experiments_in(log)
    if experiment not in known:
        raise UnknownName(
            f"no decision names the experiment {experiment!r} in its context; there are {known}"
        )
    frame = decision_frame(log, experiment, counting)
    early = len(decision_frame(log, experiment)) - len(frame) if counting.within else 0
    if early:
        note(f"{early} decisions left out: their time to be answered is not over")
    kept = first_variant_of_each(frame)
    if len(kept) < len(frame):
        left = len(frame) - len(kept)
        note(f"{left} decisions left out: their users saw another variant first")
    silent = int(kept["reward"].isna().sum())
    if silent:
        note(
            f"{silent} of {len(kept)} decisions have no reward and count as not measured; "
            "--within-hours and --unrewarded count them"
        )
    return kept


def settings_in(path: Path) -> Any:
    """The settings of a program; a name that no setting has is refused, for it would do nothing."""
    from vibrator.experiments.config import DEFAULTS, AdaptiveConfig

    if not path.is_file():
        raise BadInput(f"no file {path}: it holds domain, space and winner hints as JSON")
    settings = AdaptiveConfig(path)
    strange = sorted(set(settings.to_dict()) - set(DEFAULTS))
    if strange:
        raise UnknownName(
            f"{path} says {strange}, which is no setting; known: {sorted(DEFAULTS)}; "
            "what is your own goes under 'extra'"
        )
    return settings


def ids_in(path: Path) -> list[str]:
    """An id a line."""
    return [line.strip() for line in _text_in(path).split("\n") if line.strip()]


def _text_in(path: Path) -> str:
    if not path.is_file():
        raise BadInput(f"no file {path}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} must be a text in UTF-8: {error}") from None


def plain(value: Any) -> str:
    """JSON in one cell."""
    return json.dumps(value, ensure_ascii=False)
