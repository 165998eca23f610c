"""What confirmations bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.confirmations.models import Confirmation
from opsloop_notifications.confirmations.routes import pages, router

SLICE = Slice("confirmations", models=(Confirmation,), routers=(router, pages))
