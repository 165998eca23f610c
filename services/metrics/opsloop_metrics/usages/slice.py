"""What usage brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.usages.routes import router

SLICE = Slice("usages", routers=(router,))
