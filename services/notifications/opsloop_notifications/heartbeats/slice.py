"""What heartbeats bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.heartbeats.models import Heartbeat
from opsloop_notifications.heartbeats.routes import router
from opsloop_notifications.heartbeats.timers import MISS

SLICE = Slice("heartbeats", models=(Heartbeat,), routers=(router,), due=(MISS,))
