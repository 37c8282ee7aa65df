"""Fixtures that every test may ask for."""

from tests.servers import milvus_path, own_redis, postgres_url, redis_server

__all__ = ["milvus_path", "own_redis", "postgres_url", "redis_server"]
