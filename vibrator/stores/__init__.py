"""Where actions, profiles, vectors, items and decisions are kept."""

from vibrator.encoders.cached import VectorCache
from vibrator.stores.opening import open_store
from vibrator.stores.ports import (
    Catalogue,
    DecisionLog,
    Erased,
    Event,
    EventLog,
    Found,
    Item,
    ProfileStore,
    Snapshot,
    Store,
    Which,
)

__all__ = [
    "Catalogue",
    "DecisionLog",
    "Erased",
    "Event",
    "EventLog",
    "Found",
    "Item",
    "ProfileStore",
    "Snapshot",
    "Store",
    "VectorCache",
    "Which",
    "open_store",
]
