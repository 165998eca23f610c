"""What batches of recipients bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.recipient_batches.routes import router

SLICE = Slice("recipient_batches", routers=(router,))
