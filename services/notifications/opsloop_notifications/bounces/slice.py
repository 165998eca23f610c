"""What bounces bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.bounces.consumers import ERASURES
from opsloop_notifications.bounces.models import MailReport
from opsloop_notifications.bounces.routes import router
from opsloop_notifications.bounces.timers import SUPPRESS_BOUNCED

SLICE = Slice("bounces", models=(MailReport,), routers=(router,), subscriptions=(ERASURES,), due=(SUPPRESS_BOUNCED,))
