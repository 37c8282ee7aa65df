"""Fixtures that every test may ask for."""

from tests.servers import milvus_path, own_redis, postgres_url, redis_server
from tests.tiny_instructor import tiny_hub, tiny_instructor

__all__ = [
    "milvus_path",
    "own_redis",
    "postgres_url",
    "redis_server",
    "tiny_hub",
    "tiny_instructor",
]
