"""What the portal brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.portal.routes import pages, router

SLICE = Slice("portal", routers=(router, pages))
