"""What stickiness brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.stickiness.routes import router

SLICE = Slice("stickiness", routers=(router,))
