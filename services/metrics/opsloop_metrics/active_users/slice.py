"""What active users bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.active_users.routes import router

SLICE = Slice("active_users", routers=(router,))
