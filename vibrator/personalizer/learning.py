"""A policy as a fold of the log of outcomes."""

from __future__ import annotations

from copy import deepcopy
from threading import RLock

from vibrator.decisions import Policy
from vibrator.stores.ports import Store, Which

FORGOTTEN_NOTE = "forgotten"  # changes when outcomes were removed: policies then start over


class Learner:
    """Keeps a policy up to date with the outcomes that any process logged for its decisions.

    After somebody was forgotten the policy is folded anew from what is left.
    """

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store, self._pristine = store, deepcopy(policy)
        self._policy, self._seq = policy, 0
        self._mark = store.note(FORGOTTEN_NOTE)
        self.turn = RLock()  # learning changes a policy in place

    def current(self) -> Policy:
        """The policy, having learnt everything logged so far; hold `turn` while using it."""
        if not getattr(self._policy, "learns", True):
            return self._policy
        mark = self._store.note(FORGOTTEN_NOTE)
        if mark != self._mark:
            self._policy, self._seq, self._mark = deepcopy(self._pristine), 0, mark
        for seq, decision, outcome in self._store.decisions.outcomes(Which(after=self._seq)):
            if decision.policy == self._policy.name and outcome.reward is not None:
                self._policy.learn(decision, outcome)
            self._seq = seq
        return self._policy

    def rebuild(self) -> Policy:
        """The policy folded from the whole log."""
        with self.turn:
            self._policy, self._seq = deepcopy(self._pristine), 0
            return self.current()
