"""What funnels bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.funnels.routes import router

SLICE = Slice("funnels", routers=(router,))
