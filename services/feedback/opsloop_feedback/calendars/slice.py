"""What calendars bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.calendars.models import WorkingCalendar
from opsloop_feedback.calendars.routes import router

SLICE = Slice("calendars", models=(WorkingCalendar,), routers=(router,))
