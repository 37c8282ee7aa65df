"""What every store refuses in the same words."""

from __future__ import annotations

from vibrator.errors import ArtefactError


def require_same_encoder(whose: str, made_by: str, fingerprint: str) -> None:
    """Vectors of different encoders are never mixed."""
    if made_by != fingerprint:
        raise ArtefactError(
            f"the vectors of {whose!r} were made by encoder {made_by}, this is {fingerprint}: "
            "run `vibrator rebuild --encoder` to make them anew"
        )
