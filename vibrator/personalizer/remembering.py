"""An encoder that keeps its vectors in the store, and the keys under which it does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from vibrator.actions import UserAction, action_type
from vibrator.encoder import InstructionalEncoder, Role
from vibrator.encoders.cached import CachedModel, VectorCache, VectorKind
from vibrator.encoders.ports import is_instant
from vibrator.stores.journal import ACTION, to_action
from vibrator.stores.ports import Event, Store, Which

AT_ONCE = 500  # ids looked up in one read


def remembering(encoder: Any, cache: VectorCache) -> Any:
    """The same encoder reading through the store's cache; one of another make is used as it is.

    A model that reads a text in less time than the store needs to look for it goes without.
    """
    if not isinstance(encoder, InstructionalEncoder):
        return encoder
    twin = InstructionalEncoder(
        encoder.config,
        encoder.action_instruction,
        encoder.item_instruction,
        encoder.slider_instruction,
    )
    # Set where the late property would put it: alignment and options stay the encoder's own.
    model = encoder.model
    kept = model if is_instant(model) else CachedModel(model, cache, encoder.config.precision)
    vars(twin)["model"] = kept
    return twin


def kinds_of(events: Iterable[Event]) -> set[tuple[str, str]]:
    """What vectors of actions depend on: the type, and the words."""
    return {(event.body["type"], event.text) for event in events}


def cache_keys(encoder: Any, kinds: Collection[tuple[str, str]]) -> set[str]:
    """The keys of the vectors that actions of these types and words have left."""
    if not isinstance(encoder, InstructionalEncoder):
        return set()
    model = encoder.model
    kind = VectorKind(model.name, model.revision, model.dimensions, encoder.config.precision)
    named = {name for name, _ in kinds}
    roles = {name: Role(encoder.action_instruction, action_type(name).wording) for name in named}
    return {kind.key(roles[name].instruction, roles[name].sentence(text)) for name, text in kinds}


def own_keys(
    store: Store, encoder: Any, kinds: set[tuple[str, str]], *, without: Sequence[str]
) -> list[str]:
    """The keys of these vectors that nobody else's actions lead to: they are their users' own."""
    theirs = store.shared(list({text for _, text in kinds}), without=without)
    return list(cache_keys(encoder, kinds) - cache_keys(encoder, theirs))


def vectors_of(store: Store, encoder: Any, events: Sequence[Event]) -> tuple[list[UserAction], Any]:
    """The events as actions, and their vectors.

    Vectors of events that were forgotten meanwhile, by another process say, are not left behind in
    the store: who forgets cannot know of those that come after.
    """
    actions = [to_action(event) for event in events]
    vectors = encoder.encode_actions(actions)
    if actions and _keeps(encoder):
        alive = _alive(store, [event.event_id for event in events])
        gone = kinds_of(event for event in events if event.event_id not in alive)
        if gone:
            store.erase((), own_keys(store, encoder, gone, without=()))
    return actions, vectors


def _alive(store: Store, ids: Sequence[str]) -> set[str]:
    """Those of the actions that are still in the log."""
    found: set[str] = set()
    for start in range(0, len(ids), AT_ONCE):  # all at once would be read anew for every page
        some = Which(kinds=(ACTION,), ids=tuple(ids[start : start + AT_ONCE]))
        found.update(event.event_id for event in store.events.read(some))
    return found


def _keeps(encoder: Any) -> bool:
    model = getattr(encoder, "model", None) if isinstance(encoder, InstructionalEncoder) else None
    return isinstance(model, CachedModel)
