"""The same facade for asyncio: every verb runs in a thread, none is written twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any

from vibrator.personalizer.facade import Personalizer

VERBS = (
    "add_items", "remove_items", "observe", "set_consent", "merge_users", "score", "rank",
    "decide", "outcome", "profile", "report", "fit", "forget", "expire", "export", "refresh",
    "rebuild", "close",
)  # fmt: skip


class AsyncPersonalizer:
    """`await` any verb of the Personalizer; the event loop stays free meanwhile."""

    def __init__(self, personalizer: Personalizer) -> None:
        self.personalizer = personalizer

    @classmethod
    async def open(cls, url: str, **options: Any) -> AsyncPersonalizer:
        """Like Personalizer.open."""
        return cls(await asyncio.to_thread(Personalizer.open, url, **options))

    async def __aenter__(self) -> AsyncPersonalizer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.personalizer.close)

    def __getattr__(self, name: str) -> Any:  # for type checkers; the verbs are set below
        raise AttributeError(f"AsyncPersonalizer has no {name!r}")


def _in_a_thread(name: str) -> Callable[..., Any]:
    verb = getattr(Personalizer, name)

    @wraps(verb)
    async def call(self: AsyncPersonalizer, *args: Any, **options: Any) -> Any:
        return await asyncio.to_thread(verb, self.personalizer, *args, **options)

    return call


for _name in VERBS:
    setattr(AsyncPersonalizer, _name, _in_a_thread(_name))
