"""What status pages bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.status_pages.routes import pages, router

SLICE = Slice("status_pages", routers=(router, pages))
