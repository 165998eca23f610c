"""What the event log brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.eventlog.meters import EventWaiters
from opsloop_notifications.eventlog.models import EventLogCounter, LoggedEvent
from opsloop_notifications.eventlog.routes import router

SLICE = Slice("eventlog", models=(LoggedEvent, EventLogCounter), routers=(router,), meters=(EventWaiters,))
