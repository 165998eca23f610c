"""The notifications service, put together."""

from __future__ import annotations

from opsloop_common.contracts import notifications
from opsloop_common.service import Service, Slice
from opsloop_notifications.deliveries import slice as deliveries
from opsloop_notifications.eventlog import slice as eventlog
from opsloop_notifications.messages import slice as messages
from opsloop_notifications.ports import open_ports
from opsloop_notifications.queues import QueueMeter, show_queues
from opsloop_notifications.recipients import slice as recipients
from opsloop_notifications.retention import FORGET_OLD
from opsloop_notifications.settings import NotificationsSettings
from opsloop_notifications.tables import Base
from opsloop_notifications.webhooks import slice as webhooks

QUEUES = Slice("queues", meters=(QueueMeter,), gauges=(show_queues,))
RETENTION = Slice("retention", due=(FORGET_OLD,))

SERVICE = Service(
    name="notifications",
    title="Notifications",
    metadata=Base.metadata,
    migrations="opsloop_notifications.migrations",
    scopes=("notifications:read", "notifications:write", "notifications:admin"),
    events=notifications.EVENTS,
    slices=(
        webhooks.SLICE,
        eventlog.SLICE,
        recipients.SLICE,
        messages.SLICE,
        deliveries.SLICE,
        QUEUES,
        RETENTION,
    ),
    settings=NotificationsSettings,
    open=open_ports,
)
