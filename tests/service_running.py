"""A service for tests: in this process behind its door, or a process of its own on loopback."""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

PATIENCE_SECONDS = 60.0
SLIDERS = {
    "depth": "detailed technical documentation",
    "kitchen": "quick weeknight recipes",
    "trails": "long mountain trails",
}


class Inside:
    """The application called in process; `ask` gives status, JSON and headers."""

    def __init__(self, **settings):
        from vibrator.service.app import create_app
        from vibrator.service.settings import Settings

        given = {"store": "sqlite://", "sliders": SLIDERS, **settings}
        self.door = create_app(Settings(**given))
        self.house = self.door.app.state.house
        self.loop = asyncio.new_event_loop()

    def ask(self, method, path, body=None, *, key=None, headers=None, content=None):
        import httpx

        given = dict(headers or {})
        if key:
            given["Authorization"] = f"Bearer {key}"
        if body is not None:
            content, given = (
                json.dumps(body).encode(),
                {"Content-Type": "application/json", **given},
            )

        async def once():
            transport = httpx.ASGITransport(self.door, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(method, path, content=content, headers=given)

        return self.loop.run_until_complete(once())

    def close(self):
        self.house.close()
        self.loop.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """`vibrator serve` on a free port, ended by its process id."""

    def __init__(self, *options):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        sliders = [
            part for name, text in SLIDERS.items() for part in ("--slider", f"{name}={text}")
        ]
        command = [sys.executable, "-m", "vibrator", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, *sliders, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def wait(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stderr.read().decode()
            try:
                with urllib.request.urlopen(f"{self.base}/healthz", timeout=5):
                    return self
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise AssertionError("the service did not come up")

    def post(self, path, body):
        request = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def stop(self, *, kill=False):
        if self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
        code = self.process.wait(PATIENCE_SECONDS)
        said = self.process.stderr.read().decode()
        self.process.stderr.close()
        return code, said


@contextmanager
def served(*options):
    """A running service, stopped in the end."""
    process = Process(*options)
    try:
        yield process.wait()
    finally:
        if process.process.stderr and not process.process.stderr.closed:
            process.stop()
