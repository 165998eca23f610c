"""What unsubscribing brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.unsubscribing.routes import pages

SLICE = Slice("unsubscribing", routers=(pages,))
