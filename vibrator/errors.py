"""Everything vibrator can complain about.

VibratorError
├── BadInput (ValueError)                 the caller can fix the arguments
│   └── BadRows                           rows of a source broke rules; carries the report
├── UnknownName (KeyError)                nothing is registered under that name
├── NotFitted (RuntimeError)              fit() has to come first
├── MissingExtra (ImportError)            an optional package is absent
├── ModelUnavailable (OSError)            a model or endpoint cannot be had
├── ArtefactError (ValueError)            a saved artefact is torn, foreign or of another version
├── Refused (PermissionError)             consent, scope or policy forbids it
├── LimitReached (RuntimeError)           a budget, queue or cap is used up
└── StoreError (OSError)                  the storage behind us failed
    ├── StoreBusy (TimeoutError)          somebody else holds the lock for too long
    ├── StoreUnavailable (ConnectionError) the server cannot be reached
    └── VersionConflict                   the row changed since it was read
"""

from __future__ import annotations

from typing import Any


class VibratorError(Exception):
    """Catch this to catch them all."""


class BadInput(VibratorError, ValueError):
    """The caller can fix the arguments."""


class BadRows(BadInput):
    """Rows of a source broke rules; `report` lists them."""

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class UnknownName(VibratorError, KeyError):
    """Nothing is registered under that name."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NotFitted(VibratorError, RuntimeError):
    """fit() has to come first."""


class MissingExtra(VibratorError, ImportError):
    """An optional package is absent."""


class ModelUnavailable(VibratorError, OSError):
    """A model or endpoint cannot be had."""


class ArtefactError(VibratorError, ValueError):
    """A saved artefact is torn, foreign or of another version."""


class Refused(VibratorError, PermissionError):
    """Consent, scope or policy forbids it."""


class LimitReached(VibratorError, RuntimeError):
    """A budget, queue or cap is used up."""


class StoreError(VibratorError, OSError):
    """The storage behind us failed."""


class StoreBusy(StoreError, TimeoutError):
    """Somebody else holds the lock for too long."""


class StoreUnavailable(StoreError, ConnectionError):
    """The server cannot be reached."""


class VersionConflict(StoreError):
    """The row changed since it was read."""
