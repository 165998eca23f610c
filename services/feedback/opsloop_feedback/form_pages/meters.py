"""What the process keeps and counts of those who send by forms."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter

from opsloop_common import limits
from opsloop_common.access.buckets import Buckets

_KEPT = 20_000
"""Addresses and forms; only full buckets are forgotten unless more than so many send within minutes."""


class Senders:
    """How fast one address sends by one form, in this process; counted by what became of it, a closed list."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._buckets = Buckets(limits.FORM_SENDS_PER_MINUTE / 60, limits.FORM_SENDS_AT_ONCE, kept=_KEPT)
        self._sent = Counter(
            "opsloop_feedback_forms_sent", "What became of what was sent by forms", ["outcome"], registry=registry
        )

    def take(self, name: str) -> int | None:
        """Take a token of who is called so; returns after how many seconds there is one, None where there was."""
        now = time.monotonic()
        left = self._buckets.left(name, now)
        if left < 1.0:
            return self._buckets.seconds_until_one(left)
        self._buckets.take(name, left, now)
        return None

    def count(self, outcome: str) -> None:
        """Count what became of one."""
        self._sent.labels(outcome).inc()
