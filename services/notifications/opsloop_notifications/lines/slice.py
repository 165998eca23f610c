"""What lines bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.lines.routes import router

SLICE = Slice("lines", routers=(router,))
