"""Our own policies, guards and embedded model keep to the contracts that strangers get."""

from datetime import time, timedelta

import pytest

from vibrator.bandits import BanditPolicy, bandit
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import open_model
from vibrator.intent.guards import ConsentGuard, CoolDown, FrequencyCap, Holdout, QuietHours
from vibrator.personalizer import BestFit
from vibrator.testing import EncoderModelContract, GuardContract, PolicyContract

POLICIES = {
    "best fit": BestFit,
    "best fit, cautious": lambda: BestFit(explore=0.3, act_above=0.9),
    "bandit": lambda: BanditPolicy(
        bandit("epsilon-greedy", arms=["grpc", "cake", "ridge"], d=1, epsilon=0.2),
        lambda situation, arms: [1.0],
    ),
}
GUARDS = {
    "consent": ConsentGuard,
    "cap": lambda: FrequencyCap(0, timedelta(hours=1)),
    "quiet": lambda: QuietHours(time(11), time(13)),
    "cool-down": lambda: CoolDown(timedelta(hours=1)),
    "holdout": lambda: Holdout(1.0),
}


class TestPolicies(PolicyContract):
    @pytest.fixture(params=POLICIES)
    def adapter(self, request):
        return POLICIES[request.param]


class TestGuards(GuardContract):
    @pytest.fixture(params=GUARDS)
    def adapter(self, request):
        return GUARDS[request.param]


class TestEmbedded(EncoderModelContract):
    @pytest.fixture
    def adapter(self):
        return lambda: open_model(EncoderConfig("embedded"))
