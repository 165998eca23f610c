"""What groups bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.alert_groups.models import AlertGroup, AlertMember, AlertNotice, AlertRoute
from opsloop_notifications.alert_groups.routes import router
from opsloop_notifications.alert_groups.timers import DUE

SLICE = Slice("alert_groups", models=(AlertRoute, AlertGroup, AlertMember, AlertNotice), routers=(router,), due=DUE)
