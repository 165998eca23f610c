"""What recipients bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.recipients.models import Recipient
from opsloop_notifications.recipients.routes import router

SLICE = Slice("recipients", models=(Recipient,), routers=(router,))
