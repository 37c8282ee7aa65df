"""An encoder that keeps its vectors in the store, and the keys under which it does."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from vibrator.actions import ACTION_TYPES, UserAction, action_type
from vibrator.encoder import InstructionalEncoder, Role
from vibrator.encoders.cached import CachedModel, VectorCache, VectorKind
from vibrator.encoders.ports import is_instant


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


def cache_keys(encoder: Any, actions: Iterable[UserAction]) -> dict[str, str]:
    """Key to text, of every vector that these actions, or others of their words, have left.

    The cache knows a text once for each type of action: somebody else, gone since, may have left
    another one than these actions did.
    """
    if not isinstance(encoder, InstructionalEncoder):
        return {}
    model = encoder.model
    kind = VectorKind(model.name, model.revision, model.dimensions, encoder.config.precision)
    types: dict[str, set[str]] = {}
    for action in actions:
        types.setdefault(action.content, set()).add(action.action_type)
    roles = {
        name: Role(encoder.action_instruction, action_type(name).wording)
        for name in {*ACTION_TYPES, *chain.from_iterable(types.values())}
    }
    return {
        kind.key(roles[name].instruction, roles[name].sentence(text)): text
        for text, named in types.items()
        for name in {*ACTION_TYPES, *named}
    }
