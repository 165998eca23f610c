"""The services of this distribution: the only place that knows them all."""

from __future__ import annotations

from dataclasses import dataclass

from opsloop_campaigns.app import SERVICE as CAMPAIGNS
from opsloop_common.service import Service
from opsloop_feedback.app import SERVICE as FEEDBACK
from opsloop_metrics.app import SERVICE as METRICS
from opsloop_notifications.app import SERVICE as NOTIFICATIONS


@dataclass(frozen=True)
class Member:
    """One service."""

    service: Service


MEMBERS = (
    Member(FEEDBACK),
    Member(METRICS),
    Member(CAMPAIGNS),
    Member(NOTIFICATIONS),
)
