"""The services of this distribution: the only place that knows them all."""

from __future__ import annotations

from opsloop_campaigns.app import SERVICE as CAMPAIGNS
from opsloop_feedback.app import SERVICE as FEEDBACK
from opsloop_metrics.app import SERVICE as METRICS
from opsloop_notifications.app import SERVICE as NOTIFICATIONS

MEMBERS = (FEEDBACK, METRICS, CAMPAIGNS, NOTIFICATIONS)
