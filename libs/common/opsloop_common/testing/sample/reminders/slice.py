"""What reminders bring to the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_common.testing.sample.reminders import routes, timers
from opsloop_common.testing.sample.reminders.models import Reminder

SLICE = Slice("reminders", models=(Reminder,), routers=(routes.router,), due=timers.DUE)
