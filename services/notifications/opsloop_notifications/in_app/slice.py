"""What in-app inboxes bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.in_app.meters import Streams
from opsloop_notifications.in_app.models import InAppEntry, InAppInbox
from opsloop_notifications.in_app.routes import router
from opsloop_notifications.in_app.timers import DUE

SLICE = Slice("in_app", models=(InAppInbox, InAppEntry), routers=(router,), due=DUE, meters=(Streams,))
