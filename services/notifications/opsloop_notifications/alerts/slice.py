"""What alerts bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.alerts.models import Alert, AlertEntry
from opsloop_notifications.alerts.pages import pages
from opsloop_notifications.alerts.routes import router
from opsloop_notifications.alerts.timers import EXPIRE

SLICE = Slice("alerts", models=(Alert, AlertEntry), routers=(router, pages), due=(EXPIRE,))
