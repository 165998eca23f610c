"""What the widget brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.widget.routes import router

SLICE = Slice("widget", routers=(router,))
