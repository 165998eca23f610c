"""The notifications service, put together."""

from __future__ import annotations

from opsloop_common.contracts import notifications
from opsloop_common.service import Service
from opsloop_notifications.deliveries import slice as deliveries
from opsloop_notifications.endpoints import slice as endpoints
from opsloop_notifications.eventlog import slice as eventlog
from opsloop_notifications.messages import slice as messages
from opsloop_notifications.ports import open_ports
from opsloop_notifications.queues import slice as queues
from opsloop_notifications.recipients import slice as recipients
from opsloop_notifications.recoveries import slice as recoveries
from opsloop_notifications.retention import slice as retention
from opsloop_notifications.sending import slice as sending
from opsloop_notifications.settings import NotificationsSettings
from opsloop_notifications.tables import Base

SERVICE = Service(
    name="notifications",
    title="Notifications",
    metadata=Base.metadata,
    migrations="opsloop_notifications.migrations",
    scopes=("notifications:read", "notifications:write", "notifications:admin"),
    events=notifications.EVENTS,
    slices=(
        endpoints.SLICE,
        sending.SLICE,
        recoveries.SLICE,
        eventlog.SLICE,
        recipients.SLICE,
        messages.SLICE,
        deliveries.SLICE,
        queues.SLICE,
        retention.SLICE,
    ),
    settings=NotificationsSettings,
    open=open_ports,
)
