"""What suppressions bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.suppressions.models import Suppression
from opsloop_notifications.suppressions.routes import router

SLICE = Slice("suppressions", models=(Suppression,), routers=(router,))
