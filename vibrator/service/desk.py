"""One tenant's desk: its store, its sliders, its Personalizer, and whom it has read just now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from time import monotonic
from typing import Any

from vibrator.bandits.egreedy_v1 import EgreedyV1
from vibrator.errors import NotFitted, UnknownName
from vibrator.personalizer import Personalizer
from vibrator.personalizer import people as registry
from vibrator.personalizer.folding import Folding
from vibrator.personalizer.keeping import SLIDERS_NOTE
from vibrator.profile import Profile, Reading
from vibrator.service.keys import Caller
from vibrator.service.settings import Settings
from vibrator.sliders import Slider, SliderVector
from vibrator.stores import open_store

MOST_KEPT = 20_000  # people whose reading is kept at once


class Still(Profile):
    """A person as read at one moment; a scorer gets that reading for any other, too."""

    __slots__ = ("at_moment", "evidence", "reading")

    def __init__(self, profile: Profile, moment: datetime) -> None:
        super().__init__(fingerprint=profile.fingerprint)
        self.at_moment = moment
        self.reading = profile.at(moment)
        self.evidence = 0.0 if self.reading is None else self.reading.evidence

    def at(self, now: datetime) -> Reading | None:  # noqa: ARG002 - the same at any moment
        """The reading."""
        return self.reading


@dataclass(slots=True)
class _Kept:
    """A reading that is being made, or was made at a time of the monotonic clock."""

    made: float = 0.0
    still: Still | None = None


class Readings:
    """Readings of people, kept for a moment; what is observed here is seen at once."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[str, _Kept] = {}

    def get(self, user: str, read: Callable[[], Still]) -> Still:
        """The reading kept, or a fresh one."""
        kept = self._kept.get(user)
        if kept is not None and kept.still is not None and self._fresh(kept):
            return kept.still
        mark = _Kept()
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[user] = mark
        still = read()
        mark.made, mark.still = monotonic(), still  # seen only if nothing dropped the mark
        return still

    def has(self, user: str) -> bool:
        """Whether one is kept that is fresh enough."""
        kept = self._kept.get(user)
        return kept is not None and kept.still is not None and self._fresh(kept)

    def drop(self, user: str) -> None:
        """Something was learnt of this user."""
        self._kept.pop(user, None)

    def clear(self) -> None:
        """Something changed for everybody."""
        self._kept.clear()

    def _fresh(self, kept: _Kept) -> bool:
        return monotonic() - kept.made < self._seconds


class Desk:
    """Everything the routes do for one tenant; verbs may be called from any thread."""

    def __init__(self, tenant: str, settings: Settings, encoder: Any, given: Any = None) -> None:
        self.tenant = tenant
        self._settings, self._encoder = settings, encoder
        self.store: Any = given or open_store(
            settings.store, tenant=tenant, cache=settings.cache, catalogue=settings.catalogue
        )
        self.readings = Readings(seconds=settings.profile_seconds)
        self.bandit = EgreedyV1(self.store.decisions)
        self._turn = RLock()
        self._app: Personalizer | None = None
        known = self.store.note(SLIDERS_NOTE) is not None
        if known or settings.sliders:
            self._open(None if known else settings.sliders)

    @property
    def app(self) -> Personalizer:
        """The tenant's Personalizer, once there are sliders."""
        if self._app is None:
            raise NotFitted("there are no sliders yet: PUT /v1/sliders/{name} makes the first one")
        return self._app

    @property
    def ready(self) -> bool:
        """Whether there are sliders."""
        return self._app is not None

    @property
    def sliders(self) -> dict[str, Slider | SliderVector]:
        """By name."""
        return {} if self._app is None else dict(self._app.scorer.sliders)

    def renew(self) -> None:
        """Read the sliders anew: another process may have changed them."""
        with self._turn:
            if self.store.note(SLIDERS_NOTE) is not None:
                self._open(None)

    def put_slider(self, name: str, slider: Slider) -> None:
        """Add a slider, or give one new words and so a new version."""
        with self._turn:
            self.renew()
            self._open({**self.sliders, name: slider})

    def remove_slider(self, name: str) -> None:
        """Take a slider away; the last one stays."""
        with self._turn:
            self.renew()
            left = self.sliders
            if left.pop(name, None) is None:
                raise UnknownName(f"no slider {name!r}; known: {list(self.sliders)}")
            self._open(left)

    def reading(self, user: str) -> Still:
        """The person as of now, or as of `profile_seconds` ago at most."""
        return self.readings.get(user, lambda: self._read(user))

    def fold(self, user: str, now: datetime) -> Profile:
        """Everything known of the user, as a profile of the caller's own."""
        who = registry.resolve(self.store, user)
        return Folding(self.store, self.app.encoder).profile(who, now)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def _read(self, user: str) -> Still:
        app = self.app
        now = app.clock()
        return Still(self.fold(user, now), now)

    def _open(self, sliders: Mapping[str, Any] | None) -> None:
        self._app = Personalizer(
            self.store,
            sliders=sliders,
            encoder=self._encoder,
            require_consent=self._settings.require_consent,
        )
        self.readings.clear()


class Desks:
    """Desks by tenant, opened when the first caller of a tenant comes."""

    def __init__(self, settings: Settings, encoder: Any) -> None:
        self._settings, self._encoder = settings, encoder
        self._desks: dict[str, Desk] = {}
        self._turn = RLock()

    def of(self, caller: Caller) -> Desk:
        """The caller's desk; there is no other way to one."""
        desk = self._desks.get(caller.tenant)
        if desk is None:
            with self._turn:
                desk = self._desks.get(caller.tenant)
                if desk is None:
                    desk = Desk(caller.tenant, self._settings, self._encoder)
                    self._desks[caller.tenant] = desk
        return desk

    def opened(self) -> list[Desk]:
        """Those that somebody came to."""
        return list(self._desks.values())

    def close(self) -> None:
        """Let go of every store."""
        with self._turn:
            for desk in self._desks.values():
                desk.close()
            self._desks.clear()
