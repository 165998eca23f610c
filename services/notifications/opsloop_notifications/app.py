"""The notifications service, put together."""

from __future__ import annotations

from opsloop_common.contracts import notifications
from opsloop_common.service import Service
from opsloop_notifications.eventlog.routes import router as events
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.jobs import dispatch_mails
from opsloop_notifications.messages.meters import MailMeter
from opsloop_notifications.messages.routes import router as messages
from opsloop_notifications.queues import QueueMeter, show_queues
from opsloop_notifications.recipients.routes import router as recipients
from opsloop_notifications.retention import FORGET_OLD
from opsloop_notifications.tables import Base
from opsloop_notifications.webhooks.consumers import WEBHOOKS
from opsloop_notifications.webhooks.jobs import RECOVER, dispatch_webhooks
from opsloop_notifications.webhooks.meters import CallMeter
from opsloop_notifications.webhooks.routes import router as webhooks

SERVICE = Service(
    name="notifications",
    title="Notifications",
    metadata=Base.metadata,
    migrations="opsloop_notifications.migrations",
    scopes=("notifications:read", "notifications:write", "notifications:admin"),
    events=notifications.EVENTS,
    routers=(webhooks, events, recipients, messages),
    subscriptions=(WEBHOOKS, MESSAGES),
    due=(RECOVER, FORGET_OLD),
    workers=(dispatch_webhooks, dispatch_mails),
    meters=(CallMeter, MailMeter, QueueMeter),
    gauges=(show_queues,),
)
