"""What churn brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.churns.routes import router

SLICE = Slice("churns", routers=(router,))
