"""The services of this distribution: the only place that knows them all."""

from __future__ import annotations

from dataclasses import dataclass

from opsloop_campaigns.app import SERVICE as CAMPAIGNS
from opsloop_campaigns.settings import CampaignsSettings
from opsloop_common.service import Service
from opsloop_common.settings import Settings
from opsloop_feedback.app import SERVICE as FEEDBACK
from opsloop_feedback.settings import FeedbackSettings
from opsloop_metrics.app import SERVICE as METRICS
from opsloop_metrics.settings import MetricsSettings
from opsloop_notifications.app import SERVICE as NOTIFICATIONS
from opsloop_notifications.settings import NotificationsSettings


@dataclass(frozen=True)
class Member:
    """One service and the class of its settings."""

    service: Service
    settings: type[Settings]


MEMBERS = (
    Member(FEEDBACK, FeedbackSettings),
    Member(METRICS, MetricsSettings),
    Member(CAMPAIGNS, CampaignsSettings),
    Member(NOTIFICATIONS, NotificationsSettings),
)
