"""What calling brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.calling.routes import router
from opsloop_notifications.calling.timers import TEST, dispatch_calls

SLICE = Slice("calling", routers=(router,), loops=(dispatch_calls,), due=(TEST,))
