"""The Personalizer: one object between an application and everything below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any
from uuid import uuid4

import numpy as np

from vibrator.actions import utc_now
from vibrator.checks import require_aware, require_place, require_share, require_text
from vibrator.decisions import Consent, Decision, Guard, Outcome, Policy, Situation
from vibrator.errors import ArtefactError, UnknownName
from vibrator.intent.guards import ConsentGuard, review
from vibrator.personalizer import forgetting, people
from vibrator.personalizer.asking import (
    context_of,
    encoder_of,
    guards_of,
    require_parts,
    require_sliders,
)
from vibrator.personalizer.deciding import BestFit, checked, told
from vibrator.personalizer.exporting import exported
from vibrator.personalizer.fitting import (
    RAW,
    SAID,
    Fitted,
    fit,
    fitted_calibrators,
    raw_scores,
    said,
)
from vibrator.personalizer.folding import Folding
from vibrator.personalizer.intake import (
    candidates_of,
    contents_of,
    events_of,
    items_of,
    listed,
    milliseconds,
)
from vibrator.personalizer.intending import LATEST, IntentReader, SliderIntent
from vibrator.personalizer.keeping import sliders_of
from vibrator.personalizer.learning import Learner
from vibrator.personalizer.portraits import Portrait, Report, Tally, portray
from vibrator.personalizer.rebuilding import ENCODER_NOTE
from vibrator.personalizer.remembering import remembering, vectors_of
from vibrator.pipeline import Ranking, Scores, SliderScorer
from vibrator.profile import Profile
from vibrator.rewards import PUBLISHED_REWARDS, RewardMap
from vibrator.stores import Item, Store, Which, open_store
from vibrator.stores.journal import ACTION
from vibrator.stores.ports import DEFAULT_TENANT, matches, require_durable

HISTORY = 200  # newest decisions that guards and policies may look at
POOL = 10  # times k: what diversity chooses among
PURPOSE = "personalization"


class Personalizer:
    """What people did goes in; scores, rankings and decisions come out; outcomes teach it.

    >>> from vibrator.actions import UserAction
    >>> with Personalizer.open("sqlite://", sliders={"trails": "long mountain trails"},
    ...                        encoder="embedded") as app:
    ...     app.observe("chioma", UserAction("write", "ran the ridge path at dawn"))
    1
    """

    def __init__(  # noqa: PLR0913 - the one object that an application configures
        self,
        store: Store | Callable[[], Store],
        *,
        sliders: Mapping[str, Any] | None = None,
        encoder: Any = "embedded",
        policy: Policy | None = None,
        guards: Sequence[Guard] = (),
        clock: Callable[[], datetime] = utc_now,
        rng: np.random.Generator | None = None,
        rewards: RewardMap = PUBLISHED_REWARDS,
        require_consent: bool = False,
        intent: IntentReader | None = None,
    ) -> None:
        dice = np.random.default_rng() if rng is None else rng
        require_parts(
            {"policy": policy, "clock": clock, "rng": dice, "rewards": rewards, "intent": intent}
        )
        self.clock, self.rng, self.rewards = clock, dice, rewards
        guards = guards_of(guards)
        self.guards: tuple[Any, ...] = (ConsentGuard(required=require_consent), *guards)
        self._given = encoder_of(encoder)
        self._looks_back = policy is not None or bool(guards)
        self._intent = SliderIntent() if intent is None else intent
        self._now()
        # Last of all, so that nothing is begun where anything else is refused.
        self.store = require_durable(store() if callable(store) else store)
        try:
            self._sliders = sliders_of(self.store, sliders)
            self._start_afresh()
            _agree_on_encoder(self.store, self.encoder.fingerprint)
        except BaseException:
            if callable(store):
                self.store.close()
            raise
        self._learner = Learner(self.store, BestFit() if policy is None else policy)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        sliders: Mapping[str, Any] | None = None,
        tenant: str = DEFAULT_TENANT,
        cache: str | None = None,
        catalogue: str | None = None,
        **options: Any,
    ) -> Personalizer:
        """Open the store behind a URL (with a cache before it, a catalogue beside it, if named).

        `sliders` maps names to texts, and is remembered by the store when left out; `encoder` is
        an encoder or a model's name; `policy` any intent policy or bandit; `guards` may refuse
        candidates; `clock`, `rng` and `rewards` can be given. With `require_consent=True` nothing
        is shown without a yes on record (a no is always honoured). `intent` reads the intent that
        policies and guards look at.
        """
        require_sliders(url, sliders)
        store = partial(open_store, url, tenant=tenant, cache=cache, catalogue=catalogue)
        return cls(store, sliders=sliders, **options)

    def __enter__(self) -> Personalizer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def add_items(self, items: Mapping[str, str] | Iterable[Item]) -> int:
        """Keep content that may be shown, as id to text or as Items with attributes; how many."""
        listed = items_of(items)
        if listed:
            vectors = self.encoder.encode_items([item.text for item in listed])
            fingerprint = self.encoder.fingerprint
            self.store.catalogue.upsert(listed, vectors, fingerprint=fingerprint)
        return len(listed)

    def remove_items(self, ids: Iterable[str]) -> int:
        """Remove content; how many of the ids were there."""
        names = [require_text("item id", name) for name in listed("ids", ids, "item ids")]
        return self.store.catalogue.delete(names)

    def observe(self, user: str, actions: Any) -> int:
        """Log what the user did or wrote (UserAction, ChatMessage, or many); how many were new.

        On return they are safe. What has no time is stamped by the clock; an id seen before is
        not counted twice; chat turns of other roles are not the user's and are passed over.
        """
        events = events_of(require_text("user", user), actions, self._now())
        return self.store.events.append(events)  # which knows who was merged

    def set_consent(
        self,
        user: str,
        purpose: str,
        granted: bool,  # noqa: FBT001 - the answer itself
        until: datetime | None = None,
    ) -> None:
        """Record a yes or no to a purpose ("personalization" is what `decide` asks for)."""
        consent = Consent(
            user_id=self._who(user), purpose=purpose, granted=granted, at=self._now(), until=until
        )
        people.record_consent(self.store, consent, uuid4().hex)

    def merge_users(self, anonymous: str, known: str) -> int:
        """Give an anonymous history to the person it turned out to be; how many events moved.

        From now on the anonymous id means the known user.
        """
        who = require_text("anonymous", anonymous), require_text("known", known)
        return self.store.merge(*who, at=self._now())

    def score(
        self, user: str, items: Any, context: Mapping[str, Any] | None = None
    ) -> dict[str, Scores]:
        """Each item's scores: items are ids of the catalogue, texts, Items, or id to text."""
        now = self._now()
        profile = self._folding.profile(self._who(user), now)
        contents = contents_of(items, self.store.catalogue)
        return {
            name: self.scorer.score(profile, text, context_of(context), now=now, cold_start=True)
            for name, text in contents.items()
        }

    def rank(
        self,
        user: str,
        k: int,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the published name
        *,
        slider: str | None = None,
        diversity: float = 0.0,
        context: Mapping[str, Any] | None = None,
    ) -> Ranking:
        """The k items of the catalogue that fit best among those that pass the filter."""
        now, k, context = self._now(), require_place("k", k), context_of(context)
        require_share("diversity", diversity)
        if filter is not None:
            matches(filter)  # refuses what is none, whether or not there are items
        profile = self._folding.profile(self._who(user), now)
        found = self.store.catalogue.search(
            self._query(profile, now, slider, context)[None],
            k * POOL if diversity else k,
            fingerprint=self.encoder.fingerprint,
            where=filter,
        )[0]
        items = self.store.catalogue.read([one.item_id for one in found])
        texts = {item.item_id: item.text for item in items if item is not None}
        return self.scorer.rank(
            profile, texts, k, slider=slider, diversity=diversity, context=context, now=now
        )

    def decide(
        self,
        user: str,
        candidates: Any,
        context: Mapping[str, Any] | None = None,
        *,
        surface: str = "default",
        purpose: str = PURPOSE,
    ) -> Decision:
        """Choose what to show, doing nothing included, and log it with its propensity.

        Candidates are ids of the catalogue, Items, or id to text. Guards refuse first, the policy
        chooses among the rest; a decision to do nothing says why, and what would cure it.
        """
        texts = candidates_of(candidates, self.store.catalogue)
        where = require_text("surface", surface), require_text("purpose", purpose)
        situation, batch = self._situation(self._who(user), texts, context_of(context), *where)
        refused = review(self.guards, situation)
        with self._learner.turn:
            policy = self._learner.current()
            proposal = checked(policy.propose(situation, refused, self.rng), refused, policy.name)
        decision = Decision(
            decision_id=uuid4().hex,
            user_id=situation.user_id,
            at=situation.at,
            candidates=situation.candidates,
            chosen=proposal.items,
            arm=proposal.arm,
            propensity=proposal.propensity,
            reason=told(proposal, refused),
            policy=policy.name,
            propensities=proposal.propensities,
            refusals=refused,
            versions={"encoder": self.encoder.fingerprint, **self.scorer.sliders.versions},
            context=situation.context,
            features={**proposal.features, **_shown(batch, situation.candidates, proposal.items)},
            surface=surface,
        )
        self.store.decisions.record([decision])
        return decision

    def outcome(  # noqa: PLR0913 - one keyword a fact
        self,
        decision_id: str,
        what: str,
        *,
        dwell: timedelta | float | None = None,
        item_id: str | None = None,
        reward: float | None = None,
        at: datetime | None = None,
        outcome_id: str | None = None,
    ) -> bool:
        """Log what came of a decision, once however often it is told; whether it was news.

        `item_id` is one of the decision's candidates, `dwell` a timedelta or milliseconds. A reward
        left out is that of the reward map; an action the map does not know has none, and teaches
        nothing.
        """
        dwell_ms = milliseconds(dwell)
        if reward is None and require_text("what", what) in self.rewards.steps:
            reward = self.rewards.reward(what, dwell_ms or 0.0)
        outcome = Outcome(
            decision_id=decision_id,
            what=what,
            at=self._now() if at is None else at,
            item_id=item_id,
            dwell_ms=dwell_ms,
            reward=reward,
            outcome_id=outcome_id,
        )
        return self.store.decisions.record([outcome]) > 0

    def profile(self, user: str) -> Portrait:
        """What is known of the user now: sliders nearest to them, actions that weigh most."""
        who, now = self._who(user), self._now()
        return portray(who, self._folding.profile(who, now), self.scorer, now)

    def report(self) -> Report:
        """The whole log in numbers."""
        tally, actions = Tally(), 0
        tally.decisions(self.store.decisions.decisions(Which()))
        tally.outcomes(self.store.decisions.outcomes(Which()))
        actions = sum(1 for _ in self.store.events.read(Which(kinds=(ACTION,))))
        return tally.report(users=sum(1 for _ in self.store.users()), actions=actions)

    def fit(self) -> Fitted:
        """Learn from outcomes how likely a raw score is to be liked; scores use it from now on."""
        fitted = fit(self.store, self._sliders.versions, self.encoder.fingerprint, self._now())
        self._start_afresh()
        return fitted

    def forget(self, user: str) -> forgetting.Receipt:
        """Remove everything about the user, and say what was done; see Receipt."""
        receipt = forgetting.forget(self.store, self.encoder, self._who(user), self._now())
        self._start_afresh()
        return receipt

    def expire(self, older_than: timedelta) -> forgetting.Receipt:
        """Remove everybody's events from before so long ago."""
        now = self._now()
        before = forgetting.moment_before(now, older_than)
        receipt = forgetting.expire(self.store, self.encoder, before, now)
        self._start_afresh()
        return receipt

    def export(self, user: str) -> dict[str, Any]:
        """Everything kept about the user, as plain values for JSON."""
        who = self._who(user)
        everybody = people.names_of(self.store, who)
        return {**exported(self.store, everybody), "profile": self.profile(who).to_dict()}

    def refresh(self, users: Iterable[str]) -> int:
        """Bring profiles up to date ahead of need, so that the next score has less to fold."""
        named = [self._who(user) for user in listed("users", users, "user ids")]
        return self._folding.refresh(named, self._now())

    def rebuild(self) -> int:
        """Fold every profile and the policy anew from the log; how many users there are."""
        now, count = self._now(), 0
        people.finish_merges(self.store)
        for user in self.store.users():
            self._folding.rebuild(user, now)
            count += 1
        self._learner.rebuild()
        return count

    def _situation(
        self,
        user: str,
        texts: Mapping[str, str],
        context: Mapping[str, Any],
        surface: str,
        purpose: str,
    ) -> tuple[Situation, Any]:
        now = self._now()
        profile = self._folding.profile(user, now)
        known: dict[str, Any] = self._past(user, now) if self._looks_back else {}
        batch = self.scorer.score_batch([profile], texts, context, now=now, cold_start=True)
        situation = Situation(
            user_id=user,
            at=now,
            candidates=tuple(texts),
            context=context,
            surface=surface,
            purpose=purpose,
            consents=people.consents(self.store, user),
            scores=batch.probability[0],
            profile=profile,
            **known,
        )
        return situation, batch

    def _past(self, user: str, now: datetime) -> dict[str, Any]:
        recent = Which(users=(user,), newest=HISTORY)
        done = Which(users=(user,), kinds=(ACTION,), until=now, latest=LATEST)
        actions, vectors = vectors_of(self.store, self.encoder, [*self.store.events.read(done)])
        return {
            "history": tuple(self.store.decisions.decisions(recent)),
            "outcomes": tuple(outcome for *_, outcome in self.store.decisions.outcomes(recent)),
            "intent": self._intent.state(actions, vectors, self.scorer),
        }

    def _query(
        self, profile: Profile, now: datetime, slider: str | None, context: Any
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """One vector that orders items as their raw score does: the catalogue searches by it."""
        scorer, reading = self.scorer, profile.at(now)
        if slider is not None and require_text("slider", slider) not in scorer.sliders:
            raise UnknownName(f"no slider {slider!r}; known: {list(scorer.sliders)}")
        weights, rows = scorer.feature_weights.under(context), scorer.slider_vectors
        direction = rows.mean(axis=0) if slider is None else rows[[*scorer.sliders].index(slider)]
        query = weights["item_to_slider"] * direction
        if reading is not None:
            query = query + weights["user_item_alignment"] * reading.vector
        return np.asarray(query, dtype=np.float32)

    def _who(self, user: str) -> str:
        return people.resolve(self.store, require_text("user", user))

    def _now(self) -> datetime:
        return require_aware("now", self.clock())

    def _start_afresh(self) -> None:
        """Begin, or begin again, with nothing remembered in this process but the store."""
        self.encoder = remembering(self._given, self.store.vectors)
        calibrators = fitted_calibrators(self.store, self._sliders.versions)
        self.scorer = SliderScorer(
            self.encoder, self._sliders, calibrators=calibrators, clock=self.clock
        )
        self._folding = Folding(self.store, self.encoder)


def _shown(batch: Any, candidates: Sequence[str], items: Sequence[str]) -> dict[str, Any]:
    if not items:
        return {}
    place = candidates.index(items[0])
    return {RAW: raw_scores(batch, place), SAID: said(batch, place)}


def _agree_on_encoder(store: Store, fingerprint: str) -> None:
    known = store.note(ENCODER_NOTE)
    if known is None:
        store.set_note(ENCODER_NOTE, fingerprint)
    elif known != fingerprint:
        raise ArtefactError(
            f"the store holds vectors of encoder {known}, this is {fingerprint}: open it with the "
            "same encoder, or run `vibrator rebuild --encoder` to make them anew"
        )
