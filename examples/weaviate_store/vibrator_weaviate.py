"""A catalogue in Weaviate, beside a durable store: `weaviate:http://localhost:8080`.

Written for its client 4 and not run here against a server: run test_contract.py against yours.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import and_, ge, gt, le, lt, ne
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import weaviate
from numpy.typing import NDArray
from weaviate.classes.config import (
    Configure,
    DataType,
    Property,
    Tokenization,
    VectorDistances,
)
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter, MetadataQuery

from vibrator.errors import BadInput, StoreError, StoreUnavailable
from vibrator.stores import Found, Item
from vibrator.stores.ports import matches
from vibrator.stores.refusals import as_queries, require_same_encoder, require_same_width

SENT_AT_ONCE = 1_000
GIVEN_AT_MOST = 10_000  # objects that a server gives to one question, unless it is told otherwise
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
FIELDS = (
    Property(name="item_id", data_type=DataType.TEXT, tokenization=Tokenization.FIELD),
    Property(name="text", data_type=DataType.TEXT, index_searchable=False, index_filterable=False),
    Property(
        name="attributes", data_type=DataType.TEXT, index_searchable=False, index_filterable=False
    ),
    Property(name="facts", data_type=DataType.TEXT_ARRAY, tokenization=Tokenization.FIELD),
)


def open_weaviate(url: str, *, tenant: str) -> WeaviateStore:
    """`weaviate:http://host:8080?grpc=50051`; a key is read from WEAVIATE_API_KEY."""
    place = urlsplit(url.removeprefix("weaviate:"))
    if place.scheme not in {"http", "https"} or not place.hostname:
        raise BadInput(f"a Weaviate URL looks like weaviate:http://localhost:8080, got {url!r}")
    grpc = place.query.removeprefix("grpc=") or "50051"
    if not grpc.isdigit():
        raise BadInput(f"option grpc must be a port, got {place.query!r}")
    secure, key = place.scheme == "https", os.environ.get("WEAVIATE_API_KEY")
    with speaking():
        client = weaviate.connect_to_custom(
            http_host=place.hostname, http_port=place.port or (443 if secure else 8080),
            http_secure=secure, grpc_host=place.hostname, grpc_port=int(grpc), grpc_secure=secure,
            auth_credentials=weaviate.auth.AuthApiKey(key) if key else None,
        )  # fmt: skip
    return WeaviateStore(client, tenant)


class WeaviateStore:
    """The one port that Weaviate is asked for: `catalogue`."""

    def __init__(self, client: Any, tenant: str) -> None:
        self.tenant = tenant
        self._client = client
        self.catalogue = WeaviateCatalogue(client, tenant)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class WeaviateCatalogue:
    """One collection a tenant; its description says which encoder made the vectors."""

    def __init__(self, client: Any, tenant: str) -> None:
        self._client = client
        self._name = f"Vibrator_{hashlib.sha256(tenant.encode()).hexdigest()[:32]}"

    def upsert(
        self, items: Sequence[Item], vectors: NDArray[np.float32], *, fingerprint: str
    ) -> None:
        """Keep the items; one known already is replaced. Another encoder's vectors are refused."""
        rows = np.asarray(vectors, np.float32)
        if rows.ndim != 2 or len(rows) != len(items) or not np.isfinite(rows).all():
            raise BadInput(f"{len(items)} items need as many finite rows, got {rows.shape}")
        if not items:
            return
        newest = {item.item_id: (item, row) for item, row in zip(items, rows, strict=True)}
        with speaking():
            held = self._agree_on(f"{fingerprint}/{rows.shape[1]}")
            entries = [_entry(item, row) for item, row in newest.values()]
            for start in range(0, len(entries), SENT_AT_ONCE):
                sent = held.data.insert_many(entries[start : start + SENT_AT_ONCE])
                if sent.has_errors:
                    first = next(iter(sent.errors.values()))
                    raise StoreError(f"Weaviate kept not all items: {first.message}")

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        fingerprint: str,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Found]]:
        """The k nearest to each row, nearest first, among the items that fit `where`."""
        queries, wanted = as_queries(vectors, k), matches(where or {})
        impossible = any(operator == "in" and not value for _, operator, value in wanted)
        with speaking():
            made_by = self._made_by()
            if made_by is None or not k or impossible:
                return [[] for _ in queries]
            encoder, _, width = made_by.rpartition("/")
            require_same_encoder("catalogue", encoder, fingerprint)
            require_same_width(queries, int(width))
            return [self._nearest(query, k, wanted) for query in queries]

    def read(self, item_ids: Sequence[str]) -> list[Item | None]:
        """The items, in the order of the ids; None for an id nobody knows."""
        found: dict[str, Item] = {}
        with speaking():
            if self._made_by() is not None:
                for start in range(0, len(item_ids), SENT_AT_ONCE):
                    few = [_uuid(name) for name in item_ids[start : start + SENT_AT_ONCE]]
                    answer = self._held().query.fetch_objects_by_ids(few, limit=len(few))
                    items = map(_item, answer.objects)
                    found.update((item.item_id, item) for item in items)
        return [found.get(item_id) for item_id in item_ids]

    def delete(self, item_ids: Sequence[str]) -> int:
        """Remove the items; how many were there."""
        gone = 0
        with speaking():
            if item_ids and self._made_by() is not None:
                for start in range(0, len(item_ids), SENT_AT_ONCE):
                    few = [_uuid(name) for name in item_ids[start : start + SENT_AT_ONCE]]
                    which = Filter.by_id().contains_any(few)
                    gone += int(self._held().data.delete_many(where=which).successful)
        return gone

    def reencode(self, encode: Callable[[list[str]], Any], *, fingerprint: str) -> int:
        """Make the collection anew with another encoder's vectors; how many items there are."""
        with speaking():
            if self._made_by() is None:
                return 0
            items = [_item(held) for held in self._held().iterator()]
        self.drop()
        for start in range(0, len(items), SENT_AT_ONCE):
            few = items[start : start + SENT_AT_ONCE]
            self.upsert(few, encode([item.text for item in few]), fingerprint=fingerprint)
        return len(items)

    def drop(self) -> None:
        """Remove the collection, with all its items."""
        with speaking():
            self._client.collections.delete(self._name)

    def _nearest(
        self, query: NDArray[np.float32], k: int, wanted: list[tuple[str, str, Any]]
    ) -> list[Found]:
        """The server picks by what is equal; comparisons are made here, page by page."""
        rest = [one for one in wanted if one[1] not in {"=", "in"}]
        found: list[Found] = []
        for offset in range(0, GIVEN_AT_MOST, max(k, SENT_AT_ONCE) if rest else k):
            limit = min(max(k, SENT_AT_ONCE) if rest else k, GIVEN_AT_MOST - offset)
            page = self._held().query.near_vector(
                query.tolist(), limit=limit, offset=offset, filters=_filter(wanted),
                return_metadata=MetadataQuery(distance=True),
            ).objects  # fmt: skip
            found += [
                Found(item.item_id, -held.metadata.distance)
                for held in page
                if _fits((item := _item(held)).attributes, rest)
            ]
            if len(found) >= k or len(page) < limit:
                return found[:k]
        raise StoreError(f"fewer than {k} of the {GIVEN_AT_MOST} nearest items pass the filter")

    def _held(self) -> Any:
        return self._client.collections.get(self._name)

    def _made_by(self) -> str | None:
        if not self._client.collections.exists(self._name):
            return None
        return str(self._held().config.get().description)

    def _agree_on(self, mine: str) -> Any:
        known = self._made_by()
        if known is not None:
            require_same_encoder("catalogue", known, mine)
            return self._held()
        index = Configure.VectorIndex.hnsw(distance_metric=VectorDistances.DOT)
        return self._client.collections.create(
            self._name, description=mine, properties=list(FIELDS),
            vector_config=Configure.Vectors.self_provided(vector_index_config=index),
        )  # fmt: skip


@contextmanager
def speaking() -> Iterator[None]:
    """Turn what Weaviate says inside into our own errors."""
    try:
        yield
    except weaviate.exceptions.WeaviateConnectionError as error:
        raise StoreUnavailable(f"Weaviate cannot be reached: {error}") from error
    except weaviate.exceptions.WeaviateBaseError as error:
        raise StoreError(f"Weaviate: {error}") from error


def _uuid(item_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, item_id))


def _entry(item: Item, row: NDArray[np.float32]) -> Any:
    attributes = dict(item.attributes)
    facts = [_fact(name, one) for name, one in attributes.items() if _is_plain(one)]
    fields = {
        "item_id": item.item_id, "text": item.text, "attributes": json.dumps(attributes),
        "facts": facts,
    }  # fmt: skip
    return DataObject(properties=fields, uuid=_uuid(item.item_id), vector=row.tolist())


def _item(held: Any) -> Item:
    fields = held.properties
    attributes = json.loads(fields["attributes"])
    return Item(item_id=fields["item_id"], text=fields["text"], attributes=attributes)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "yes or no"
    return "text" if isinstance(value, str) else "number"


def _fact(name: str, value: Any) -> str:
    """An attribute as one word, so that the server can look it up: 40 and 40.0 are the same."""
    number = float(value) if _kind(value) == "number" else value
    return json.dumps([name, number])


def _filter(wanted: list[tuple[str, str, Any]]) -> Any:
    facts = Filter.by_property("facts")
    parts = [
        facts.contains_any([_fact(name, one) for one in (value if operator == "in" else [value])])
        for name, operator, value in wanted
        if operator in {"=", "in"}
    ]
    return reduce(and_, parts) if parts else None


def _fits(attributes: Mapping[str, Any], rest: list[tuple[str, str, Any]]) -> bool:
    return all(
        _is_plain(found := attributes.get(name))
        and _kind(found) == _kind(value)
        and COMPARED[operator](found, value)
        for name, operator, value in rest
    )
