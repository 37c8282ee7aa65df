"""The configuration of a lifetime-value run: one YAML file, checked, unknown keys refused."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from vibrator.checks import require_finite, require_positive, require_share
from vibrator.errors import BadInput
from vibrator.ltv.bids import BidRule, ThresholdPlan
from vibrator.ltv.heads import ChainSettings
from vibrator.ltv.plain import from_plain, to_plain
from vibrator.ltv.sampling import SAMPLERS, HistPlan
from vibrator.ltv.selection import SelectionPlan

LONGEST_GAP_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Paths:
    """Where rows come from and where results go."""

    data: str = "data/ltv"
    artefact: str = "artefacts/ltv"
    predictions: str = "predictions/ltv.parquet"


@dataclass(frozen=True, slots=True)
class Columns:
    """Who and when, and how the label columns are called; {h} stands for the horizon."""

    user: str = "user_id"
    time: str = "datetime"
    buyer: str = "buyer_d{h}"
    revenue: str = "iap_revenue_d{h}"

    def __post_init__(self) -> None:
        for name in ("buyer", "revenue"):
            if "{h}" not in getattr(self, name):
                raise BadInput(f"columns.{name} must contain {{h}}, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Windows:
    """Training first, then validation, then test; `gap_days` are left out before each border.

    The validation rows have three roles, by user: to stop boosting, to calibrate, and, the rest,
    to decide (thresholds, sampling, stack). No row has two.
    """

    start: str | None = None
    end: str | None = None
    train_frac: float = 0.5
    val_frac: float = 0.25
    gap_days: float = 0.0
    stop: float = 0.0
    calibrate: float = 0.8

    def __post_init__(self) -> None:
        for name in ("train_frac", "val_frac", "stop", "calibrate"):
            require_share(f"windows.{name}", getattr(self, name))
        if not 0 < self.train_frac < self.train_frac + self.val_frac < 1:
            raise BadInput(
                "train_frac and val_frac must be positive and leave something for the test, "
                f"got {self.train_frac} and {self.val_frac}"
            )
        if not 0 < self.calibrate < 1 - self.stop:
            raise BadInput(
                "stop and calibrate must leave validation rows to decide on, "
                f"got {self.stop} and {self.calibrate}"
            )
        if not 0 <= self.gap_days <= LONGEST_GAP_DAYS:
            raise BadInput(
                f"windows.gap_days must lie from 0 to {LONGEST_GAP_DAYS}, got {self.gap_days}"
            )
        for name in ("start", "end"):
            _require_moment(f"windows.{name}", getattr(self, name))


def _require_moment(name: str, text: str | None) -> None:
    try:
        datetime.fromisoformat(text or "2000-01-01")
    except ValueError:
        raise BadInput(f"{name} must be a time as ISO 8601 or null, got {text!r}") from None


@dataclass(frozen=True, slots=True)
class Partitions:
    """How much of a large source is used: whole (null) or a number of partitions a window."""

    max_train_partitions: int | None = None
    max_val_partitions: int | None = None
    max_test_partitions: int | None = None
    sample_frac: float = 1.0
    fit_rows: int = 300_000
    cache_features: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_train_partitions", "max_val_partitions", "max_test_partitions"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"partitions.{name} must be at least 1 or null, got {value}")
        if not 0 < self.sample_frac <= 1:
            raise BadInput(f"partitions.sample_frac must lie in (0, 1], got {self.sample_frac}")
        if self.fit_rows < 1000:
            raise BadInput(f"partitions.fit_rows must be at least 1000, got {self.fit_rows}")

    def for_folders(self) -> list[str]:
        """The settings in use that only a folder of partitions by time can heed."""
        names = [f.name for f in dataclasses.fields(self)]
        return [
            name
            for name in names
            if name.startswith(("max_", "cache_")) and getattr(self, name) is not None
        ]


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Resampling of training rows: none, histos, histus; auto tries each, keeps what wins.

    With `corrected` the inverse weights are used in training; the levels are set on rows as they
    come in any case. A method wins by `margin` in mean Gini on the rows kept for deciding.
    """

    method: str = "none"
    hist: HistPlan = field(default_factory=HistPlan)
    corrected: bool = True
    margin: float = 0.002

    def __post_init__(self) -> None:
        known = ("none", "auto", *SAMPLERS)
        if self.method not in known:
            raise BadInput(f"sampling.method must be one of {known}, got {self.method!r}")
        require_finite("sampling.margin", self.margin)


@dataclass(frozen=True, slots=True)
class StackPlan:
    """Stacking is off, or tried and kept only when it wins on later validation rows."""

    enabled: bool = False
    folds: int = 4
    margin: float = 0.002

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise BadInput(f"stack.folds must be at least 2, got {self.folds}")
        require_finite("stack.margin", self.margin)


@dataclass(frozen=True, slots=True)
class ConformalPlan:
    """The level of the intervals and the number of bins that must each keep it."""

    level: float = 0.95
    bins: int = 10

    def __post_init__(self) -> None:
        if not 0.5 < self.level < 1.0:
            raise BadInput(f"conformal.level must lie between 0.5 and 1, got {self.level}")
        if self.bins < 1:
            raise BadInput(f"conformal.bins must be at least 1, got {self.bins}")


@dataclass(frozen=True, slots=True)
class LtvConfig:
    """Everything a run needs to know.

    >>> LtvConfig().horizons
    (1, 7, 14)
    >>> from_plain(LtvConfig, {"horizon": [1]})
    Traceback (most recent call last):
    vibrator.errors.BadInput: config holds unknown keys ['horizon']; known: ['bids', ...]
    """

    paths: Paths = field(default_factory=Paths)
    columns: Columns = field(default_factory=Columns)
    horizons: tuple[int, ...] = (1, 7, 14)
    windows: Windows = field(default_factory=Windows)
    partitions: Partitions = field(default_factory=Partitions)
    sampling: SamplingPlan = field(default_factory=SamplingPlan)
    selection: SelectionPlan = field(default_factory=SelectionPlan)
    chain: ChainSettings = field(default_factory=ChainSettings)
    stack: StackPlan = field(default_factory=StackPlan)
    conformal: ConformalPlan = field(default_factory=ConformalPlan)
    bids: BidRule = field(default_factory=BidRule)
    thresholds: ThresholdPlan = field(default_factory=ThresholdPlan)
    features: str | None = None
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        rising = list(self.horizons) == sorted(set(self.horizons))
        if not self.horizons or not rising or self.horizons[0] < 1:
            raise BadInput(f"horizons must be rising days from 1, got {list(self.horizons)}")
        require_positive("threads", self.threads)
        if self.seed < 0:
            raise BadInput(f"seed must not be negative, got {self.seed}")
        if self.windows.stop == 0 and self.chain.large.patience > 0:
            raise BadInput("chain.large.patience needs rows to stop on: set windows.stop above 0")
        for name in ("amount", "share"):
            if patience := getattr(self.chain, name).patience:
                raise BadInput(
                    f"chain.{name}.patience must be 0, as only the large trees stop early, "
                    f"got {patience}"
                )

    def label_columns(self) -> tuple[str, ...]:
        """Every label column of every horizon."""
        names = (self.columns.buyer, self.columns.revenue)
        return tuple(name.format(h=h) for h in self.horizons for name in names)

    def revenue_columns(self) -> list[str]:
        """The revenue column of each horizon, shortest first."""
        return [self.columns.revenue.format(h=h) for h in self.horizons]


def load_config(path: str | Path | None) -> LtvConfig:
    """The configuration of a YAML file, or the defaults; a feature file is looked up beside it."""
    if path is None:
        return LtvConfig()
    config = from_plain(LtvConfig, read_yaml(path))
    if config.features is not None and not Path(config.features).is_absolute():
        config = dataclasses.replace(config, features=str(Path(path).parent / config.features))
    return config


def write_defaults(folder: str | Path) -> list[Path]:
    """The default configuration and feature plan as files to edit; none is overwritten."""
    from vibrator.ltv.features import GROUPS, FeaturePlan  # brings pandas, late

    home = Path(folder)
    plan = FeaturePlan(groups=dict.fromkeys(GROUPS, True))
    settings = LtvConfig(features="features.yaml")
    paths = {home / "ltv.yaml": settings, home / "features.yaml": plan}
    if present := [str(path) for path in paths if path.exists()]:
        raise BadInput(f"{present} exist already; name another folder")
    home.mkdir(parents=True, exist_ok=True)
    for path, values in paths.items():
        path.write_text(yaml.safe_dump(to_plain(values), sort_keys=False), encoding="utf-8")
    return list(paths)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"there is no configuration at {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path} is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path} must hold a mapping, got {type(data).__name__}")
    return data
