"""What all routes share: desks, lanes, metrics, and how a request is read and answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import msgspec
from fastapi import Request, Response

from vibrator.encoder import InstructionalEncoder
from vibrator.experiments import Ledger
from vibrator.personalizer.keeping import SLIDERS_NOTE
from vibrator.service.desk import Desk, Desks
from vibrator.service.door import CALLER
from vibrator.service.keys import OWNER, Caller, Keyring
from vibrator.service.lanes import Batches, Lane
from vibrator.service.metrics import CountedModel, Metrics
from vibrator.service.problems import Problem
from vibrator.service.schemas import Scored, value_at
from vibrator.service.serving import ScoreJob, is_quick, score_together
from vibrator.service.settings import Settings

Body = TypeVar("Body")
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_encoder = msgspec.json.Encoder()


@dataclass
class House:
    """Everything that lives as long as the service."""

    settings: Settings
    keyring: Keyring | None
    metrics: Metrics = field(default_factory=Metrics)
    leaving: bool = False  # set while the last requests are finished
    quality: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)  # by tenant
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


async def read(request: Request, kind: Any) -> Any:
    """The body as JSON of one kind, or a refusal with field, rule and value."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(415, "wrong type", f"content-type must be application/json, got {media!r}")
    content = await request.body()
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise BadBody(str(error), content) from None


class BadBody(Problem):
    """A body of the wrong shape: says where, by which rule, and what stood there."""

    def __init__(self, message: str, content: bytes) -> None:
        rule, _, place = message.partition(" - at `")
        field = place.removesuffix("`").removeprefix("$").removeprefix(".")
        super().__init__(422, "bad input", message)
        self.parts = {"field": field or "body", "rule": rule}
        if field and "..." not in field and not field.startswith("key"):
            self.parts["value"] = value_at(content, field)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON."""
    return Response(_encoder.encode(body), status, headers, "application/json")
