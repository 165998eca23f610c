"""What tests of endpoints bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.trying.routes import router

SLICE = Slice("trying", routers=(router,))
