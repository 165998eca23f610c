"""What the service counts of its campaigns."""

from __future__ import annotations

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter

from opsloop_campaigns.budgets.rules import HeldBy

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


class HeldMeter:
    """Campaigns that playbooks wanted and that wait for a person, by why."""

    def __init__(self, registry: CollectorRegistry) -> None:
        held = Counter(
            "opsloop_campaigns_held", "Campaigns of playbooks held for a person, by why", ["held_by"], registry=registry
        )
        self._by_reason = {reason: held.labels(reason.value) for reason in HeldBy}

    def count(self, held_by: HeldBy) -> None:
        """Count one campaign that was held."""
        self._by_reason[held_by].inc()
