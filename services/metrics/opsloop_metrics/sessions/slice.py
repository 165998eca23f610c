"""What sessions bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.sessions.routes import router

SLICE = Slice("sessions", routers=(router,))
