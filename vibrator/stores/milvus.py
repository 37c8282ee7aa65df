"""Milvus as the catalogue: Lite in a file, a server or the cloud, by the same client."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.errors import BadInput, StoreError, StoreUnavailable
from vibrator.optional import need
from vibrator.stores.halves import half_rows
from vibrator.stores.journal import dump
from vibrator.stores.ports import DEFAULT_TENANT, Found, Item, matches
from vibrator.stores.refusals import as_queries, require_same_encoder, require_same_width

Vectors = NDArray[np.float32]
INDEXES = ("AUTOINDEX", "FLAT", "HNSW", "IVF_FLAT")
ID_LENGTH, TEXT_LENGTH = 512, 65_535  # bytes that a VARCHAR may hold
SENT_AT_ONCE = 1_000
SEALED_AFTER = 1_000  # rows: Lite compares unsealed ones one by one, thirty times slower
MADE_BY = "made_by_"
FIELDS = ["item_id", "text", "attributes"]


def open_milvus(url: str, *, tenant: str) -> MilvusStore:
    """`milvus:./items.db` (Lite) or `milvus:http://host:19530?index=HNSW`.

    A token, where the server wants one, is read from the environment as MILVUS_TOKEN.
    """
    from vibrator.stores.opening import convert_options, split_options

    place, options = split_options(url.removeprefix("milvus:"))
    index = convert_options(options, {"index": str}).get("index", "AUTOINDEX")
    if index not in INDEXES:
        raise BadInput(f"index must be one of {INDEXES}, got {index!r}")
    return MilvusStore(place, tenant=tenant, index=index)


class MilvusStore:
    """The one port that Milvus is asked for: `catalogue`."""

    def __init__(
        self, place: str, *, tenant: str = DEFAULT_TENANT, index: str = "AUTOINDEX"
    ) -> None:
        self.tenant = tenant
        self._pymilvus = need("pymilvus", extra="milvus")
        with speaking(self._pymilvus):
            self._client = self._pymilvus.MilvusClient(
                place, token=os.environ.get("MILVUS_TOKEN", "")
            )
        lite = place.endswith(".db")  # as pymilvus itself tells it from a server, which seals alone
        self.catalogue = MilvusCatalogue(
            self._client, tenant, index, seal_after=SEALED_AFTER if lite else None
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class MilvusCatalogue:
    """One collection a tenant, whose vector field is named after the encoder."""

    def __init__(
        self,
        client: Any,
        tenant: str,
        index: str = "AUTOINDEX",
        *,
        seal_after: int | None = None,
    ) -> None:
        self._pymilvus = need("pymilvus", extra="milvus")
        self._client, self._index = client, index
        digest = hashlib.sha256(tenant.encode()).hexdigest()[:32]
        self._name = f"vibrator_{digest}"  # names there are plain; no two tenants share one
        self._turn = Lock()
        self._seal_after, self._unsealed = seal_after, 0
        self._seen: str | None = None  # who made the vectors, when last asked

    def upsert(self, items: Sequence[Item], vectors: Vectors, *, fingerprint: str) -> None:
        """Keep the items; one known already is replaced. Another encoder's vectors are refused."""
        rows = half_rows([item.item_id for item in items], vectors).astype(np.float32)
        if not len(rows):
            return
        newest = {item.item_id: (item, row) for item, row in zip(items, rows, strict=True)}
        with self._turn, speaking(self._pymilvus):
            made_by = self._made_by()
            if made_by is None:
                self._create(fingerprint, rows.shape[1])
            else:
                require_same_encoder("catalogue", made_by, f"{fingerprint}/{rows.shape[1]}")
            field = _field_of(fingerprint)
            entries = [_entry(item) | {field: row.tolist()} for item, row in newest.values()]
            for start in range(0, len(entries), SENT_AT_ONCE):
                self._client.upsert(self._name, entries[start : start + SENT_AT_ONCE])
            self._seal(len(entries))

    def search(
        self,
        vectors: Vectors,
        k: int,
        *,
        fingerprint: str,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Found]]:
        """The k nearest to each row, nearest first, among the items that fit `where`."""
        queries = as_queries(vectors, k)
        wanted = expression({} if where is None else where)
        with speaking(self._pymilvus):
            sure = self._seen == f"{fingerprint}/{queries.shape[1]}"
            if not k or not (sure or self._fits(queries, fingerprint)):
                return [[] for _ in queries]
            try:
                found = self._client.search(
                    self._name,
                    queries.tolist(),
                    limit=k,
                    filter=wanted,
                    anns_field=_field_of(fingerprint),
                )
            except self._pymilvus.MilvusException:
                if not self._fits(queries, fingerprint):  # changed since it was seen
                    return [[] for _ in queries]
                raise
        return [[Found(hit["item_id"], float(hit["distance"])) for hit in hits] for hits in found]

    def read(self, item_ids: Sequence[str]) -> list[Item | None]:
        """The items, in the order of the ids; None for an id nobody knows."""
        found: dict[str, Item] = {}
        with speaking(self._pymilvus):
            if self._made_by() is not None:
                for start in range(0, len(item_ids), SENT_AT_ONCE):
                    few = item_ids[start : start + SENT_AT_ONCE]
                    rows = self._client.query(
                        self._name, filter=f"item_id in {dump(list(few))}", output_fields=FIELDS
                    )
                    found.update((row["item_id"], _item(row)) for row in rows)
        return [found.get(item_id) for item_id in item_ids]

    def delete(self, item_ids: Sequence[str]) -> int:
        """Remove the items; how many were there."""
        there = [item.item_id for item in self.read(item_ids) if item is not None]
        if there:
            with speaking(self._pymilvus):
                self._client.delete(self._name, filter=f"item_id in {dump(there)}")
        return len(set(there))

    def reencode(self, encode: Callable[[list[str]], Any], *, fingerprint: str) -> int:
        """Make the collection anew with another encoder's vectors; how many items there are."""
        with speaking(self._pymilvus):
            if self._made_by() is None:
                return 0
            reading = self._client.query_iterator(
                self._name, batch_size=SENT_AT_ONCE, output_fields=FIELDS
            )
            items: list[Item] = []
            while rows := reading.next():
                items += map(_item, rows)
            reading.close()
        parts = [
            np.asarray(encode([item.text for item in items[start : start + SENT_AT_ONCE]]))
            for start in range(0, len(items), SENT_AT_ONCE)
        ]
        with speaking(self._pymilvus):
            self._client.drop_collection(self._name)
        if items:
            self.upsert(items, np.concatenate(parts), fingerprint=fingerprint)
        return len(items)

    def _seal(self, count: int) -> None:
        self._unsealed += count
        if self._seal_after is not None and self._unsealed >= self._seal_after:
            self._client.flush(self._name)
            self._unsealed = 0

    def _fits(self, queries: NDArray[np.float32], fingerprint: str) -> bool:
        """Whether there is anything to search; vectors of another encoder are refused."""
        made_by = self._made_by()
        if made_by is None:
            return False
        encoder, _, width = made_by.rpartition("/")
        require_same_encoder("catalogue", encoder, fingerprint)
        require_same_width(queries, int(width))
        return True

    def _made_by(self) -> str | None:
        """Encoder and width; Lite keeps no descriptions, so a name has to say it."""
        self._seen = None
        if not self._client.has_collection(self._name):
            return None
        fields = self._client.describe_collection(self._name)["fields"]
        field = next(field for field in fields if field["name"].startswith(MADE_BY))
        encoder = bytes.fromhex(field["name"].removeprefix(MADE_BY)).decode()
        self._seen = f"{encoder}/{field['params']['dim']}"
        return self._seen

    def _create(self, fingerprint: str, dimensions: int) -> None:
        kinds = self._pymilvus.DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("item_id", kinds.VARCHAR, is_primary=True, max_length=ID_LENGTH)
        schema.add_field("text", kinds.VARCHAR, max_length=TEXT_LENGTH)
        schema.add_field("attributes", kinds.JSON)
        schema.add_field(_field_of(fingerprint), kinds.FLOAT_VECTOR, dim=dimensions)
        index = self._client.prepare_index_params()
        index.add_index(_field_of(fingerprint), index_type=self._index, metric_type="IP")
        self._client.create_collection(
            self._name, schema=schema, index_params=index, consistency_level="Strong"
        )


def expression(where: Mapping[str, Any]) -> str:
    """A filter in Milvus' words.

    >>> expression({"topic": ["a", "b"], "minutes": {"<": 30}})
    '(attributes["topic"] == "a" or attributes["topic"] == "b") and attributes["minutes"] < 30'
    """
    conditions = []
    for name, operator, value in matches(where):
        field = f"attributes[{json.dumps(name, ensure_ascii=False)}]"
        if operator == "in":
            either = " or ".join(f"{field} == {dump(one)}" for one in value) or "item_id == ''"
            conditions.append(f"({either})")
        else:
            conditions.append(f"{field} {'==' if operator == '=' else operator} {dump(value)}")
    return " and ".join(conditions)


@contextmanager
def speaking(pymilvus: Any) -> Iterator[None]:
    """Turn what Milvus says inside into our own errors."""
    try:
        yield
    except pymilvus.exceptions.MilvusUnavailableException as error:
        raise StoreUnavailable(f"Milvus cannot be reached: {error.message}") from error
    except pymilvus.MilvusException as error:
        unreachable = "connect" in error.message.lower()
        kind = StoreUnavailable if unreachable else StoreError
        raise kind(f"Milvus: {error.message}") from error


def _field_of(fingerprint: str) -> str:
    return MADE_BY + fingerprint.encode().hex()


def _entry(item: Item) -> dict[str, Any]:
    for name, text, limit in (
        ("item_id", item.item_id, ID_LENGTH), ("text", item.text, TEXT_LENGTH),
    ):  # fmt: skip
        if len(text.encode()) > limit:
            raise BadInput(
                f"Milvus keeps at most {limit} bytes of {name}, got {len(text.encode())}"
            )
    attributes = json.loads(dump(dict(item.attributes)))
    return {"item_id": item.item_id, "text": item.text, "attributes": attributes}


def _item(row: Mapping[str, Any]) -> Item:
    return Item(item_id=row["item_id"], text=row["text"], attributes=dict(row["attributes"]))
