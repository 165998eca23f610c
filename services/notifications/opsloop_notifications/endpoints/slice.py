"""What endpoints bring into the service."""

from __future__ import annotations

from opsloop_common.resealing import Sealed
from opsloop_common.service import Slice
from opsloop_notifications.endpoints.models import Webhook
from opsloop_notifications.endpoints.routes import pages, router
from opsloop_notifications.endpoints.service import BOT_SECRET_PURPOSE, HEADERS_PURPOSE, SECRET_PURPOSE

SEALED = (
    Sealed("webhook", "secret", SECRET_PURPOSE),
    Sealed("webhook", "previous_secret", SECRET_PURPOSE),
    Sealed("webhook", "sealed_headers", HEADERS_PURPOSE),
    Sealed("webhook", "sealed_bot_secret", BOT_SECRET_PURPOSE),
)
SLICE = Slice("endpoints", models=(Webhook,), sealed=SEALED, routers=(router, pages))
