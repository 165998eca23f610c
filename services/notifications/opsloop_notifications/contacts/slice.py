"""What contacts bring into the service."""

from __future__ import annotations

from opsloop_common.resealing import Sealed
from opsloop_common.service import Slice
from opsloop_notifications.contacts.models import Contact
from opsloop_notifications.contacts.routes import router
from opsloop_notifications.contacts.service import KEYS_PURPOSE

SLICE = Slice(
    "contacts", models=(Contact,), sealed=(Sealed("contact", "sealed_keys", KEYS_PURPOSE),), routers=(router,)
)
