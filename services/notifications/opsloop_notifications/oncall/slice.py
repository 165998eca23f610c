"""What schedules bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.oncall.models import Schedule, ScheduleOverride
from opsloop_notifications.oncall.routes import router

SLICE = Slice("oncall", models=(Schedule, ScheduleOverride), routers=(router,))
