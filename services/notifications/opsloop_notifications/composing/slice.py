"""What composing brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.composing.routes import router

SLICE = Slice("composing", routers=(router,))
