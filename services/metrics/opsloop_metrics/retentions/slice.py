"""What retention brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.retentions.routes import router

SLICE = Slice("retentions", routers=(router,))
