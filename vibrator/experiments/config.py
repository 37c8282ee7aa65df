"""The settings of one experiment program in one JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from vibrator.checks import require_text
from vibrator.errors import ArtefactError, BadInput
from vibrator.experiments.design import FEWEST_ITEMS

DEFAULTS: dict[str, Any] = {
    "domain": "default",
    "primary_metric": "primary_metric",
    "min_items_per_variant": FEWEST_ITEMS,
    "winner_hints": {},
    "space": {},
    "extra": {},
}


class AdaptiveConfig:
    """Settings by name, written through to their file; no two files share anything.

    A torn file is refused and left as it is. `space` holds the values that the offline proposer
    may try, by variable.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._data = deepcopy(DEFAULTS) | _read(self.path)
        _check(self._data)

    def get(self, key: str, default: Any = None) -> Any:
        """A setting, as a copy."""
        return deepcopy(self._data.get(key, default))

    def set(self, key: str, value: Any) -> None:
        """Change one setting and write the file."""
        self.update({key: value})

    def update(self, mapping: Mapping[str, Any]) -> None:
        """Change several settings at once and write the file."""
        changed = self._data | deepcopy(dict(mapping))
        _check(changed)
        _write(self.path, changed)
        self._data = changed

    def set_winner_hint(self, variable: str, variant_label: str) -> None:
        """Remember which variant to build on."""
        self.set("winner_hints", self._data["winner_hints"] | {variable: variant_label})

    def get_winner_hint(self, variable: str) -> str | None:
        """The variant to build on, if any."""
        hint: str | None = self._data["winner_hints"].get(variable)
        return hint

    def all_winner_hints(self) -> dict[str, str]:
        """Every variable with the variant to build on."""
        return dict(self._data["winner_hints"])

    @property
    def domain(self) -> str:
        """What is experimented on."""
        return str(self._data["domain"])

    @property
    def primary_metric(self) -> str:
        """The metric that decides."""
        return str(self._data["primary_metric"])

    @property
    def min_items_per_variant(self) -> int:
        """Below so many items a variant nothing is concluded."""
        return int(self._data["min_items_per_variant"])

    def to_dict(self) -> dict[str, Any]:
        """All settings, as a copy."""
        return deepcopy(self._data)

    def save(self) -> None:
        """Write the file, also when nothing was changed."""
        _write(self.path, self._data)

    def __repr__(self) -> str:
        return f"AdaptiveConfig({str(self.path)!r}, domain={self.domain!r})"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    if path.is_dir():
        raise BadInput(f"settings are kept in a file, got the folder {path}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtefactError(f"{path} is torn or no JSON ({error}); it was left as it is") from None
    if not isinstance(data, dict):
        raise ArtefactError(f"{path} must hold a JSON object, got {type(data).__name__}")
    return data


def _write(path: Path, data: Mapping[str, Any]) -> None:
    """Either the old file or the whole new one, whatever happens in between."""
    try:
        text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"settings must be plain and finite JSON values: {error}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as stream:
        try:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
            Path(stream.name).replace(path)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise


def _check(data: Mapping[str, Any]) -> None:
    least = data["min_items_per_variant"]
    if isinstance(least, bool) or not isinstance(least, int) or least < 1:
        raise BadInput(f"min_items_per_variant must be a whole number from 1, got {least!r}")
    for name in ("domain", "primary_metric"):
        if not isinstance(data[name], str) or not data[name].strip():
            raise BadInput(f"{name} must be a name, got {data[name]!r}")
    for name in ("winner_hints", "space", "extra"):
        if not isinstance(data[name], Mapping):
            raise BadInput(f"{name} must be an object, got {data[name]!r}")
    _check_values(data)


def _check_values(data: Mapping[str, Any]) -> None:
    for variable, label in data["winner_hints"].items():
        require_text(f"the winner hint of {variable!r}", label)
    for variable, values in data["space"].items():
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise BadInput(f"the space of {variable!r} must be a list of values, got {values!r}")
        for value in values:
            require_text(f"a value of {variable!r}", value)
