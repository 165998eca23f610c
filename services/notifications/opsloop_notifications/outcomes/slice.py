"""What outcomes bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.outcomes.routes import router

SLICE = Slice("outcomes", routers=(router,))
