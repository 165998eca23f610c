"""What previews bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.previews.routes import router

SLICE = Slice("previews", routers=(router,))
