"""Contract suites for every port, for our adapters and yours.

A suite is a class of tests that ask for one fixture, `adapter`: a function that opens what is
tested. In your own tests:

    class TestMyLog(EventLogContract):
        @pytest.fixture
        def adapter(self, tmp_path):
            return lambda tenant: MyLog(tmp_path, tenant)
"""

from vibrator.testing.catalogue import CatalogueContract
from vibrator.testing.decisions import DecisionLogContract
from vibrator.testing.domains import DomainAdapterContract
from vibrator.testing.encoders import EncoderModelContract
from vibrator.testing.events import EventLogContract
from vibrator.testing.policies import GuardContract, PolicyContract
from vibrator.testing.profiles import ProfileStoreContract
from vibrator.testing.stores import StoreContract
from vibrator.testing.vectors import VectorCacheContract

__all__ = [
    "CatalogueContract",
    "DecisionLogContract",
    "DomainAdapterContract",
    "EncoderModelContract",
    "EventLogContract",
    "GuardContract",
    "PolicyContract",
    "ProfileStoreContract",
    "StoreContract",
    "VectorCacheContract",
]
