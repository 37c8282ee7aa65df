"""Fixtures that every test may ask for, and what CI does not let pass."""

import os

import pytest

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
OUTSIDE_DATA = ("shared", "beside", "sample is")  # said of data that no checkout carries


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """In CI everything is installed: an integration test skipped for want of it has failed."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("integration"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        expected = hasattr(report, "wasxfail") or any(words in reason for words in OUTSIDE_DATA)
        if not expected:
            report.outcome, report.longrepr = "failed", f"skipped in CI: {reason}"
    return report
