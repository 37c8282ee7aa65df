"""API keys: shown once, kept as digests, each with a tenant, scopes and a rate."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vibrator.checks import require_positive, require_text
from vibrator.errors import ArtefactError, BadInput

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)
PREFIX = "vib"
RATE_PER_SECOND = 200.0
NOBODY = hashlib.sha256(b"").hexdigest()  # compared with when the id is unknown: same time


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: whose data they see, what they may do, how often."""

    name: str
    tenant: str
    scopes: frozenset[str]
    per_second: float = RATE_PER_SECOND
    key_id: str = ""

    def __post_init__(self) -> None:
        require_text("name", self.name)
        require_text("tenant", self.tenant)
        require_positive("per_second", self.per_second)
        stray = self.scopes - set(SCOPES)
        if stray or not self.scopes:
            raise BadInput(f"scopes must be some of {SCOPES}, got {sorted(stray)}")

    def may(self, scope: str) -> bool:
        """Whether a scope is among theirs; admin includes the others."""
        return scope in self.scopes or ADMIN in self.scopes


OWNER = Caller("owner", "default", frozenset(SCOPES), per_second=1e9)  # of a machine without keys


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key at rest: the secret only as its digest (it is random, so that one round is enough)."""

    caller: Caller
    digest: str


class Keyring:
    """Keys by their id.

    >>> ring = Keyring()
    >>> key = ring.issue(Caller("phone-app", "acme", frozenset({"read", "write"})))
    >>> ring.caller(key).tenant, ring.caller(key + "x")
    ('acme', None)
    """

    def __init__(self) -> None:
        self._kept: dict[str, KeptKey] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def issue(self, caller: Caller) -> str:
        """A new key, which nobody can read again later."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        self._kept[key_id] = KeptKey(replace(caller, key_id=key_id), _digest(secret))
        return f"{PREFIX}_{key_id}_{secret}"

    def first(self) -> Caller:
        """Whoever was given the first key."""
        return next(iter(self._kept.values())).caller

    def revoke(self, name: str, tenant: str) -> int:
        """Forget every key of this name and tenant; how many there were."""
        told = [(key_id, kept.caller) for key_id, kept in self._kept.items()]
        gone = [key_id for key_id, who in told if (who.name, who.tenant) == (name, tenant)]
        for key_id in gone:
            del self._kept[key_id]
        return len(gone)

    def caller(self, key: str) -> Caller | None:
        """Whose key this is; every answer takes the same time."""
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        kept = self._kept.get(key_id) if prefix == PREFIX else None
        known = hmac.compare_digest(_digest(secret), NOBODY if kept is None else kept.digest)
        return kept.caller if known and kept is not None else None

    def rows(self) -> list[dict[str, Any]]:
        """What may be listed: everything but the digests."""
        callers = [kept.caller for kept in self._kept.values()]
        return [{**_row(who), "scopes": ", ".join(sorted(who.scopes))} for who in callers]

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """From a file that `save` wrote; without one the ring is empty."""
        ring = cls()
        if path.exists():
            try:
                rows: Sequence[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
                ring._kept = {row["id"]: _kept(row) for row in rows}
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                raise ArtefactError(f"{path} is no file of keys") from None
        return ring

    def save(self, path: Path) -> None:
        """Write for the owner's eyes only, all or nothing."""
        rows = [{**_row(kept.caller), "digest": kept.digest} for kept in self._kept.values()]
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(rows, file, indent=1)
        draft.replace(path)


def _row(who: Caller) -> dict[str, Any]:
    return {"id": who.key_id, "name": who.name, "tenant": who.tenant,
            "scopes": sorted(who.scopes), "per_second": who.per_second}  # fmt: skip


def _kept(row: dict[str, Any]) -> KeptKey:
    given = {name: value for name, value in row.items() if name not in {"id", "digest"}}
    caller = Caller(**{**given, "scopes": frozenset(row["scopes"])}, key_id=row["id"])
    return KeptKey(caller, row["digest"])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
