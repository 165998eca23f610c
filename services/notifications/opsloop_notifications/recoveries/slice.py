"""What recoveries bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.recoveries.routes import router
from opsloop_notifications.recoveries.timers import RECOVER

SLICE = Slice("recoveries", routers=(router,), due=(RECOVER,))
