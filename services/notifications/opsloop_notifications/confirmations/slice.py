"""What confirmations bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.confirmations.routes import pages, router

SLICE = Slice("confirmations", routers=(router, pages))
