"""What the service counts of its mails."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter

from opsloop_common.contracts.notifications import FailureReason

OUTCOMES = ("sent", "delayed", *get_args(FailureReason))


class MailMeter:
    """What became of mails: `sent`, `delayed` (each try that is to be repeated), or why it failed for good."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._mails = Counter("opsloop_mails", "Mails and tries of them, by outcome", ["outcome"], registry=registry)
        self._by_outcome = {outcome: self._mails.labels(outcome) for outcome in OUTCOMES}

    def count(self, outcome: str) -> None:
        """Count one outcome."""
        self._by_outcome[outcome].inc()
