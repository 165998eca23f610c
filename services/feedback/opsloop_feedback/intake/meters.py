"""What the service counts of what comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from opsloop_feedback.triage.rules import triage


class IntakeMeter:
    """Posts taken in, as triage sorted them. Kinds, severities and channels are closed lists, so the series are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._posts = Counter(
            "opsloop_feedback_posts",
            "Posts taken in, by kind, severity and channel",
            ["kind", "severity", "channel"],
            registry=registry,
        )
        triage(
            "made ready, 准备好"
        )  # compiles what all posts are sorted by: else the first post holds the process for 60 ms

    def count(self, row: Mapping[str, Any]) -> None:
        """Count one new row (`rules.new_row`)."""
        self._posts.labels(row["kind"], row["severity"], row["channel"]).inc()
