"""One turn of a conversation: who said what, in which role, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vibrator.actions import Metadata
from vibrator.checks import require_aware, require_finite, require_text
from vibrator.errors import BadInput

CHAT = "chat"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn: who said what, in which role, and when.

    >>> from datetime import UTC
    >>> ChatMessage("a trail for Sunday?", datetime(2026, 3, 1, 9, tzinfo=UTC)).role
    'user'
    """

    content: str
    timestamp: datetime
    user_id: str | None = None
    role: str = "user"
    weight: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        require_text("content", self.content)
        object.__setattr__(self, "timestamp", require_aware("timestamp", self.timestamp))
        if self.user_id is not None:
            require_text("user_id", self.user_id)
        require_text("role", self.role)
        object.__setattr__(self, "weight", require_finite("weight", self.weight))
        if not isinstance(self.metadata, Mapping):
            raise BadInput(f"metadata must be a mapping, got {self.metadata!r}")
        object.__setattr__(self, "metadata", Metadata(self.metadata))

    def __reduce__(self) -> tuple[Any, ...]:
        return ChatMessage, (
            self.content, self.timestamp, self.user_id, self.role, self.weight,
            dict(self.metadata),
        )  # fmt: skip
