"""What endpoints bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.endpoints.models import Webhook
from opsloop_notifications.endpoints.routes import pages, router

SLICE = Slice("endpoints", models=(Webhook,), routers=(router, pages))
