"""What channels bring into the service."""

from __future__ import annotations

from opsloop_common.resealing import Sealed
from opsloop_common.service import Slice
from opsloop_notifications.channels.models import Channel
from opsloop_notifications.channels.routes import router
from opsloop_notifications.channels.service import HEADERS_PURPOSE, SECRET_PURPOSE, URL_PURPOSE

SEALED = (
    Sealed("channel", "sealed_url", URL_PURPOSE),
    Sealed("channel", "sealed_secret", SECRET_PURPOSE),
    Sealed("channel", "sealed_headers", HEADERS_PURPOSE),
)
SLICE = Slice("channels", models=(Channel,), sealed=SEALED, routers=(router,))
