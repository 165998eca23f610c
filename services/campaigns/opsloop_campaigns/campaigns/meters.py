"""What the service counts of its campaigns."""

from __future__ import annotations

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter

Trigger = Literal["person", "schedule", "playbook"]


class LaunchMeter:
    """Campaigns that were launched, by what set them off."""

    def __init__(self, registry: CollectorRegistry) -> None:
        launches = Counter(
            "opsloop_campaign_launches", "Campaigns launched, by what set them off", ["trigger"], registry=registry
        )
        self._by_trigger = {trigger: launches.labels(trigger) for trigger in get_args(Trigger)}

    def count(self, trigger: Trigger) -> None:
        """Count one launch."""
        self._by_trigger[trigger].inc()
