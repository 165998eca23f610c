"""What lifecycles bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.lifecycles.routes import router

SLICE = Slice("lifecycles", routers=(router,))
