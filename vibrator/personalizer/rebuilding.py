"""A store moves to another encoder."""

from __future__ import annotations

from typing import Any

from vibrator.personalizer.remembering import remembering
from vibrator.stores.ports import Store

ENCODER_NOTE = "encoder"


def change_encoder(store: Store, encoder: Any) -> int:
    """Make every vector anew with another encoder; how many items there were.

    Profiles and cached vectors of the old one are dropped, and come back from the log.
    """
    fresh = remembering(encoder, store.vectors)
    count = store.reencode(fresh.encode_items, fingerprint=fresh.fingerprint)
    store.set_note(ENCODER_NOTE, fresh.fingerprint)
    return count
