"""From a URL to a store, by the scheme's registered opener."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from vibrator.checks import require_text
from vibrator.errors import BadInput, UnknownName
from vibrator.stores.faiss import faiss_index
from vibrator.stores.layered import LayeredStore
from vibrator.stores.matrix import Matrix, NewIndex
from vibrator.stores.ports import DEFAULT_TENANT, require_durable

ENTRY_POINTS = "vibrator.stores"  # where other packages register an opener by their scheme
Opener = Callable[..., Any]  # opener(url, *, tenant, **options) -> a store, or the ports it has

OPENERS: dict[str, str] = {
    "sqlite": "vibrator.stores.opening:open_sqlite",
    "postgresql": "vibrator.stores.postgres:open_postgres",
    "postgres": "vibrator.stores.postgres:open_postgres",
    "redis": "vibrator.stores.redis:open_redis",
    "rediss": "vibrator.stores.redis:open_redis",
    "unix": "vibrator.stores.redis:open_redis",
    "milvus": "vibrator.stores.milvus:open_milvus",
}


def open_store(
    url: str,
    *,
    tenant: str = DEFAULT_TENANT,
    cache: str | None = None,
    catalogue: str | None = None,
) -> Any:
    """The store behind a URL, bound to one tenant.

    `sqlite:///app.db` (relative), `sqlite:////var/app.db` (absolute), `sqlite://` (in memory) and
    `postgresql://…` have all five ports; `redis://…` has vectors and profiles, `milvus:…` the
    catalogue. Those two stand alone, or before and beside a durable store as its `cache` and its
    `catalogue`. Other schemes come from packages with an entry point in "vibrator.stores".

    >>> open_store("sqlite://").tenant
    'default'
    >>> open_store("mongo://")
    Traceback (most recent call last):
    vibrator.errors.UnknownName: no store is registered for 'mongo'; known: ...
    """
    require_text("tenant", tenant)
    if cache is None and catalogue is None:
        return _open(url, tenant)
    with ExitStack() as opened:
        parts: dict[str, Any] = {}
        for place, url_of_part in (("cache", cache), ("catalogue", catalogue)):
            if url_of_part is not None:
                parts[place] = _open(url_of_part, tenant)
                opened.callback(parts[place].close)
                _require_part(place, parts[place])
        store = _open(url, tenant)
        opened.callback(store.close)
        require_durable(store)
        opened.pop_all()
    return LayeredStore(store, **parts)


def _require_part(place: str, part: Any) -> None:
    if place == "cache":
        ready = all(hasattr(part, verb) for verb in ("vectors", "profiles", "clear", "rewrite"))
    else:
        ready = hasattr(getattr(part, "catalogue", None), "reencode")
    if not ready:
        raise BadInput(f"a {type(part).__name__} cannot be the {place} of another store")


def open_sqlite(url: str, *, tenant: str) -> Any:
    """`sqlite:///path?synchronous=full&busy_seconds=5&index=faiss&faiss_above=300000`."""
    from vibrator.stores.sqlite import SQLiteStore
    from vibrator.stores.sqlite.connection import MEMORY

    path, options = split_options(url.removeprefix("sqlite:"))
    known: dict[str, Callable[[str], Any]] = {
        "synchronous": str,
        "busy_seconds": _seconds,
        "index": str,
        "faiss_above": int,
    }
    given = convert_options(options, known)
    if not path.startswith("///") and path not in {"", "//"}:
        raise BadInput(f"an SQLite URL has three or four slashes (sqlite:///app.db), got {url!r}")
    name = unquote(path.removeprefix("///")) if path.startswith("///") else ""
    place: Path | str = Path(name) if name not in {"", MEMORY} else MEMORY
    new_index = _index(given.pop("index", "exact"), given.pop("faiss_above", None), place, tenant)
    return SQLiteStore(place, tenant=tenant, new_index=new_index, **given)


def split_options(rest: str) -> tuple[str, dict[str, str]]:
    """What stands before the question mark, and the options after it."""
    path, _, query = rest.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise BadInput(f"options look like name=value&name=value, got {query!r}") from None
    options = dict(pairs)
    if len(options) < len(pairs):
        raise BadInput(f"each option can be given once, got {query!r}")
    return path, options


def convert_options(
    options: dict[str, str], known: dict[str, Callable[[str], Any]]
) -> dict[str, Any]:
    """Each option by its type; an unknown or ill-formed one is refused."""
    converted = {}
    for name, text in options.items():
        if name not in known:
            raise BadInput(f"unknown option {name!r}; known: {sorted(known)}")
        try:
            converted[name] = known[name](text)
        except ValueError:
            raise BadInput(f"option {name} cannot be {text!r}") from None
    return converted


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError
    return seconds


def sqlite_file(url: str) -> Path | None:
    """The file that an SQLite URL names; None for memory and for other URLs.

    >>> sqlite_file("sqlite:///app.db?busy_seconds=5"), sqlite_file("redis://host")
    (PosixPath('app.db'), None)
    """
    path = url.removeprefix("sqlite:").partition("?")[0]
    if path == url or not path.startswith("///") or path == "///:memory:":
        return None
    return Path(unquote(path.removeprefix("///")))


def _index(name: str, above: int | None, place: Path | str, tenant: str) -> NewIndex:
    if name not in {"exact", "faiss"}:
        raise BadInput(f"index must be exact or faiss, got {name!r}")
    if above is not None and (name != "faiss" or above < 0):
        raise BadInput(f"faiss_above is a count of items, for index=faiss, got {above}")
    if name == "exact":
        return Matrix
    whose = hashlib.sha256(tenant.encode()).hexdigest()[:16]
    file = place.with_name(f"{place.name}.{whose}.faiss") if isinstance(place, Path) else None
    return faiss_index(above, file)


def _open(url: str, tenant: str) -> Any:
    if not isinstance(url, str) or ":" not in url:
        raise BadInput(f"a store URL looks like sqlite:///app.db, got {url!r}")
    return _opener(url.partition(":")[0])(url, tenant=tenant)


def _opener(scheme: str) -> Opener:
    if scheme in OPENERS:
        module, _, name = OPENERS[scheme].partition(":")
        opener: Opener = getattr(import_module(module), name)
        return opener
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if scheme not in found:
        known = sorted({*OPENERS, *found})
        raise UnknownName(f"no store is registered for {scheme!r}; known: {known}")
    loaded: Opener = found[scheme].load()
    return loaded
