"""What the worked adapter uses of Weaviate's client, over dicts, as sys.modules wants it.

It refuses keywords and names that the client refuses, and is as good as its documents say a server
is: objects are replaced by uuid, filtered before the search, given nearest first by distance.
"""

from types import ModuleType, SimpleNamespace

import numpy as np


class WeaviateBaseError(Exception): ...


class WeaviateConnectionError(WeaviateBaseError): ...


class WeaviateQueryError(WeaviateBaseError): ...


class Condition:
    """A filter: asks of a held object."""

    def __init__(self, asks):
        self.asks = asks

    def __and__(self, other):
        return Condition(lambda held: self.asks(held) and other.asks(held))


class ByProperty:
    def __init__(self, name):
        self.name = name

    def contains_any(self, values):
        return Condition(lambda held: not set(values).isdisjoint(held.properties[self.name]))


class ById:
    def contains_any(self, values):
        return Condition(lambda held: held.uuid in values)


class Collection:
    def __init__(self, description, properties):
        self.description = description
        self.names = {one.name for one in properties}
        self.held = {}
        self.config = SimpleNamespace(get=lambda: SimpleNamespace(description=self.description))
        self.data = SimpleNamespace(insert_many=self.insert_many, delete_many=self.delete_many)
        self.query = SimpleNamespace(
            near_vector=self.near_vector, fetch_objects_by_ids=self.fetch_objects_by_ids
        )

    def iterator(self):
        return iter(self.held.values())

    def insert_many(self, objects):
        for one in objects:
            assert one.properties.keys() == self.names
            self.held[one.uuid] = one
        return SimpleNamespace(has_errors=False, errors={})

    def delete_many(self, where):
        gone = [name for name, held in self.held.items() if where.asks(held)]
        for name in gone:
            del self.held[name]
        return SimpleNamespace(successful=len(gone), matches=len(gone), failed=0)

    def fetch_objects_by_ids(self, ids, *, limit):
        found = [self.held[one] for one in sorted(ids) if one in self.held]
        return SimpleNamespace(objects=found[:limit])

    def near_vector(self, near_vector, *, limit, offset, filters, return_metadata):
        assert return_metadata.distance
        if offset + limit > 10_000:
            raise WeaviateQueryError("query maximum results exceeded")
        fitting = [one for one in self.held.values() if filters is None or filters.asks(one)]
        near = sorted((-float(np.dot(one.vector, near_vector)), one.uuid) for one in fitting)
        objects = [
            SimpleNamespace(
                properties=self.held[name].properties, metadata=SimpleNamespace(distance=distance)
            )
            for distance, name in near[offset : offset + limit]
        ]
        return SimpleNamespace(objects=objects)


class Server:
    """Collections by name; each client opened sees the same."""

    def __init__(self):
        self.collections = {}

    def create(self, name, *, description, properties, vector_config):
        assert name[0].isupper()
        assert vector_config == "dot"
        self.collections[name] = Collection(description, properties)
        return self.collections[name]

    def client(self, **place):
        assert place.keys() >= {"http_host", "http_port", "grpc_host", "grpc_port"}
        return SimpleNamespace(
            close=lambda: None,
            collections=SimpleNamespace(
                exists=self.collections.__contains__, get=self.collections.__getitem__,
                create=self.create, delete=lambda name: self.collections.pop(name, None),
            ),
        )  # fmt: skip


def modules():
    """By name, over one server."""
    names = ("weaviate", *(f"weaviate.classes.{part}" for part in ("config", "data", "query")))
    weaviate, config, data, query = map(ModuleType, names)
    weaviate.connect_to_custom = Server().client
    weaviate.auth = SimpleNamespace(AuthApiKey=str)
    weaviate.exceptions = SimpleNamespace(
        WeaviateBaseError=WeaviateBaseError, WeaviateConnectionError=WeaviateConnectionError
    )
    config.Configure = SimpleNamespace(
        VectorIndex=SimpleNamespace(hnsw=lambda distance_metric: distance_metric),
        Vectors=SimpleNamespace(self_provided=lambda vector_index_config: vector_index_config),
    )
    config.DataType = SimpleNamespace(TEXT="text", TEXT_ARRAY="text[]")
    config.Property, config.Tokenization = SimpleNamespace, SimpleNamespace(FIELD="field")
    config.VectorDistances = SimpleNamespace(DOT="dot")
    data.DataObject = SimpleNamespace
    query.Filter = SimpleNamespace(by_property=ByProperty, by_id=ById)
    query.MetadataQuery = SimpleNamespace
    classes = ModuleType("weaviate.classes")
    return dict(zip(names, (weaviate, config, data, query), strict=True)) | {
        "weaviate.classes": classes
    }
