"""What search brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.search.routes import router

SLICE = Slice("search", routers=(router,))
