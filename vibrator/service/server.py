"""The server: uvicorn with uvloop and httptools, and patience only for those who speak."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vibrator.service.app import create_app
from vibrator.service.demo import furnish
from vibrator.service.settings import Settings

MOST_HEADER_BYTES = 65_536
TOO_MANY = b"HTTP/1.1 431 Headers Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Impatient(HttpToolsProtocol):
    """Closes a connection whose headers take longer than `header_seconds`, or do not end."""

    header_seconds = 10.0
    _deadline: asyncio.TimerHandle | None = None
    _unfinished = 0  # bytes of headers so far

    def connection_made(self, transport: Any) -> None:
        """The clock starts with the connection."""
        super().connection_made(transport)
        self._expect_headers()

    def on_message_begin(self) -> None:
        """And again with each further request on it."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Headers that go on beyond all reason are refused."""
        super().data_received(data)
        if self._deadline is not None:
            self._unfinished += len(data)
            if self._unfinished > MOST_HEADER_BYTES:
                self.transport.write(TOO_MANY)
                self.transport.close()

    def on_headers_complete(self) -> None:
        """Headers are there: the door has the time from here."""
        self._settle()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing left to wait for."""
        self._settle()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(self.header_seconds, self.transport.close)

    def _settle(self) -> None:
        self._unfinished = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def serve(settings: Settings, *, furnished: bool = False) -> None:
    """Serve until told to stop; then finish what was accepted."""
    settings.refuse_open_doors()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    door = create_app(settings)
    door.app.state.house.open_first()  # a store that is not there is told of now
    if furnished:
        furnish(door.app.state.house)
    config = uvicorn.Config(
        door,
        host=settings.host,
        port=settings.port,
        loop="auto",
        http=type("Patience", (Impatient,), {"header_seconds": settings.header_seconds}),
        ws="none",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    gc.collect()
    gc.freeze()  # what was loaded stays: later collections need not walk through it
    uvicorn.Server(config).run()
