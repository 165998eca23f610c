"""What digests as they go out bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.digest_mails.routes import router
from opsloop_notifications.digest_mails.timers import SEND_DIGESTS

SLICE = Slice("digest_mails", routers=(router,), due=(SEND_DIGESTS,))
