"""`vibrator doctor`: what is installed, what can be reached, what to do."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import typer

from vibrator.cli._output import Format, note, show

PANEL = "Try"
EXIT_CANNOT = 3
OK, ABSENT, FAILED = "ok", "absent", "FAILED"
SECONDS = 2.0  # that a server has to answer
PORTS = {
    "redis": 6379,
    "rediss": 6379,
    "postgresql": 5432,
    "postgres": 5432,
    "milvus": 19530,
    "http": 80,
}
PORTS["https"] = 443
SECRETS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
MODULES = {  # what shows that an extra is there
    "instructor": ("torch", "sentence_transformers"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "train": ("accelerate", "datasets", "peft"),
    "remote": ("httpx",),
    "parquet": ("pyarrow",),
    "sql": ("sqlalchemy",),
    "boost": ("lightgbm",),
    "redis": ("redis",),
    "postgres": ("psycopg", "psycopg_pool", "pgvector"),
    "milvus": ("pymilvus",),
    "faiss": ("faiss",),
    "service": ("fastapi", "uvicorn", "prometheus_client", "pydantic_settings"),
    "ltv": ("lightgbm", "pyarrow", "xgboost", "distributed"),
    "scale": ("distributed", "fsspec", "pyarrow"),
    "charts": ("matplotlib",),
    "langchain": ("langchain_core",),
}
FOR_WHAT = {
    "instructor": "Instructor and other sentence-transformers models",
    "onnx": "faster models, exported",
    "train": "fine-tuning with torch",
    "remote": "models behind a URL",
    "parquet": "parquet files, Arrow and polars frames",
    "sql": "queries through SQLAlchemy",
    "boost": "boosted reward models",
    "redis": "vectors and profiles in Redis",
    "postgres": "a store in PostgreSQL",
    "milvus": "the catalogue in Milvus",
    "faiss": "faster search in SQLite stores",
    "service": "vibrator serve",
    "ltv": "vibrator ltv",
    "scale": "batch jobs on many machines",
    "charts": "PNG figures of replays",
    "langchain": "LangChain embeddings",
}


def run(
    url: list[str] | None = typer.Argument(
        None, help="Stores and model servers to reach: redis://…, postgresql://…, https://…"
    ),
    encoder: str = typer.Option(
        "embedded", envvar="VIBRATOR_ENCODER", help="Which model to try: it reads a sentence."
    ),
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Say what is installed, which models and servers can be reached, and what to do.

    Nothing is written and no secret is printed. Exits 3 when the model, or a server that was
    named, cannot be had.

    Example: vibrator doctor redis://localhost:6379
    """
    rows = [*_core(), *_extras(), *_models(encoder), *_environment(), *map(_server, url or ())]
    show(rows, how)
    failed = [row["what"] for row in rows if row["state"] == FAILED]
    if failed:
        note(f"not well: {', '.join(failed)}")
        raise typer.Exit(EXIT_CANNOT)
    note("all that you named is well")


def _row(what: str, state: str, found: str, cure: str = "") -> dict[str, str]:
    return {"what": what, "state": state, "found": found, "to do": cure}


def _core() -> Iterator[dict[str, str]]:
    yield _row("python", OK, f"{platform.python_version()} on {platform.system()}")
    names = [
        line.split(";")[0].strip() for line in requires("vibrator") or () if "extra ==" not in line
    ]
    found = []
    for name in ("vibrator", *(_name(line) for line in names)):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield _row(name, FAILED, "not installed", f"pip install '{name}'")
    yield _row("packages", OK, ", ".join(found))


def _name(requirement: str) -> str:
    """The name before the bounds.

    >>> _name("numpy<3,>=1.26")
    'numpy'
    """
    end = next((at for at, letter in enumerate(requirement) if letter in "<>=!~[ ("), None)
    return requirement[:end]


def _extras() -> Iterator[dict[str, str]]:
    for extra, modules in MODULES.items():
        missing = [name for name in modules if find_spec(name) is None]
        words = f"for {FOR_WHAT[extra]}"
        if missing:
            cure = f"pip install 'vibrator[{extra}]'"
            yield _row(extra, ABSENT, f"{words}; lacks {', '.join(missing)}", cure)
        else:
            yield _row(extra, OK, words)


def _models(name: str) -> Iterator[dict[str, str]]:
    names = dict.fromkeys(["embedded", name])
    for one in names:
        yield _tried(
            _without_secrets(one),
            partial(_read_a_sentence, one),
            "choose another --encoder",
        )
    cached = _hub_cache() / "models--hkunlp--instructor-base"
    if cached.is_dir():
        yield _row("instructor-base", OK, "on this machine")
    else:
        yield _row(
            "instructor-base",
            ABSENT,
            "not on this machine",
            "--encoder instructor-base fetches it from huggingface.co",
        )


def _read_a_sentence(name: str) -> str:
    from vibrator.encoder import InstructionalEncoder

    encoder = InstructionalEncoder(name)
    encoder.encode_items(["a ridge walk of two days"])
    return f"{encoder.dimensions} dimensions, fingerprint {encoder.fingerprint}"


def _hub_cache() -> Path:
    home = os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE", Path(home) / "hub"))


def _environment() -> Iterator[dict[str, str]]:
    for name in SECRETS:
        given = bool(os.environ.get(name))
        yield _row(name, OK if given else ABSENT, "is set" if given else "is not set")


def _server(url: str) -> dict[str, str]:
    return _tried(_without_secrets(url), partial(_reach, url), "start it, or check the address")


def _tried(what: str, attempt: Callable[[], str], cure: str) -> dict[str, str]:
    from vibrator.errors import VibratorError

    try:
        return _row(what, OK, attempt())
    except (VibratorError, OSError) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return _row(what, FAILED, words.splitlines()[0], cure)


def _reach(url: str) -> str:
    """Whether somebody answers there; nothing is asked of them, so no password is needed."""
    import socket

    from vibrator.errors import BadInput

    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _reach_file(Path(parts.path.removeprefix("/")))
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(SECONDS)
            line.connect(parts.path)
        return "answers"
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadInput(f"a URL must be one of {sorted([*PORTS, 'sqlite', 'unix'])}")
    socket.create_connection((parts.hostname, parts.port or PORTS[parts.scheme]), SECONDS).close()
    return "answers"


def _reach_file(path: Path) -> str:
    if not path.name:
        return "in memory"
    if path.exists():
        path.open("rb").close()
        return f"{path.stat().st_size:,} bytes"
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} cannot be written to")
    return "not there yet; made at first use"


def _without_secrets(url: str) -> str:
    """A URL without user, password and query.

    >>> _without_secrets("redis://me:secret@cache:6379/0?password=x")
    'redis://cache:6379/0'
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"
