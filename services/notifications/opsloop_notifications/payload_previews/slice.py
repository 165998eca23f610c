"""What previews bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.payload_previews.routes import router

SLICE = Slice("payload_previews", routers=(router,))
