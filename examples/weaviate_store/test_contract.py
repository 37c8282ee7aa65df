"""Holds the adapter to the contract of a catalogue, against the server that you name.

docker run -p 8080:8080 -p 50051:50051 cr.weaviate.io/semitechnologies/weaviate:latest
WEAVIATE_URL=weaviate:http://localhost:8080 pytest test_contract.py
"""

import os
from uuid import uuid4

import pytest

from vibrator.stores import open_store
from vibrator.testing import CatalogueContract


class TestWeaviate(CatalogueContract):
    """Every claim of the contract, over the server."""

    @pytest.fixture
    def adapter(self):
        """Catalogues of tenants that are this test's own; their collections go in the end."""
        stores, prefix = [], uuid4().hex

        def open_one(tenant):
            stores.append(open_store(os.environ["WEAVIATE_URL"], tenant=f"{prefix} {tenant}"))
            return stores[-1].catalogue

        yield open_one
        for store in stores:
            store.catalogue.drop()
            store.close()
