"""What all routes share: desks, lanes, metrics, and how a request is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import msgspec
from fastapi import Request, Response

from vibrator.encoder import InstructionalEncoder
from vibrator.experiments import Ledger
from vibrator.personalizer.keeping import SLIDERS_NOTE
from vibrator.service.answers import Figures, Scored
from vibrator.service.desk import Desk, Desks
from vibrator.service.door import CALLER
from vibrator.service.keys import OWNER, Caller, Keyring
from vibrator.service.lanes import Batches, Lane
from vibrator.service.metrics import CountedModel, Metrics
from vibrator.service.problems import Problem
from vibrator.service.serving import ScoreJob, is_quick, score_together
from vibrator.service.settings import Settings

_encoder = msgspec.json.Encoder()


@dataclass
class House:
    """Everything that lives as long as the service."""

    settings: Settings
    keyring: Keyring | None
    metrics: Metrics = field(default_factory=Metrics)
    leaving: bool = False  # set while the last requests are finished
    quality: dict[str, tuple[float, Figures]] = field(default_factory=dict)  # by tenant
    leavers: list[Callable[[], None]] = field(default_factory=list)  # who is told when it ends
    ledgers: dict[str, Ledger] = field(default_factory=dict)  # of experiments, by tenant
    desks: Desks = field(init=False)
    lane: Lane = field(init=False)
    scoring: Batches[ScoreJob, Scored] = field(init=False)

    def __post_init__(self) -> None:
        given = self.settings
        self.lane = Lane("work", threads=given.threads, room=given.queue)
        self.scoring = Batches("scoring", score_together, room=given.queue, quick=is_quick)
        self.desks = Desks(given, self._encoder())
        watch = self.metrics.watch
        watch("vibrator_encoder_queue", "Scores that wait", lambda: self.scoring.waiting)
        watch("vibrator_work_inside", "Other work waiting or done", lambda: self.lane.inside)

    def close(self) -> None:
        """Finish what was accepted, then let go."""
        self.leaving = True
        for leave in self.leavers:
            leave()
        self.scoring.close()
        self.lane.close()
        self.desks.close()
        for ledger in self.ledgers.values():
            ledger.close()

    def open_first(self) -> None:
        """Open the desk of one tenant, so that the store is known to be there."""
        self.desks.of(OWNER if self.keyring is None else self.keyring.first())

    def require_ready(self) -> None:
        """Ask every open store for something small; one that is gone is refused."""
        for desk in self.desks.opened():
            desk.store.note(SLIDERS_NOTE)

    def ledger(self, tenant: str) -> Ledger:
        """What a tenant's experiments measured, in the store's own file."""
        if tenant not in self.ledgers:
            self.ledgers[tenant] = Ledger(self.settings.store, tenant=tenant)
        return self.ledgers[tenant]

    def _encoder(self) -> InstructionalEncoder:
        encoder = InstructionalEncoder(self.settings.encoder)
        # Set where the late property would put it, so that all tenants' texts are counted.
        vars(encoder)["model"] = CountedModel(encoder.model, self.metrics.encoded)
        return encoder


def house_of(request: Request) -> House:
    """The house that answers this request."""
    return cast("House", request.app.state.house)


def caller_of(request: Request, scope: str) -> Caller:
    """Who asks, if they may do this."""
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None:
        raise Problem(401, "who are you", "this needs an API key: send Authorization: Bearer vib_…")
    if not caller.may(scope):
        raise Problem(403, "refused", f"this key must have the scope {scope!r}, it has "
                      f"{sorted(caller.scopes)}")  # fmt: skip
    return caller


def desk_of(request: Request, scope: str) -> Desk:
    """The desk of the caller's own tenant."""
    return house_of(request).desks.of(caller_of(request, scope))


def answer(body: msgspec.Struct, headers: dict[str, str] | None = None) -> Response:
    """JSON of one of the answers."""
    return Response(_encoder.encode(body), 200, headers, "application/json")
