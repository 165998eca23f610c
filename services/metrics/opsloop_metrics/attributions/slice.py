"""What attribution brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.attributions.routes import router

SLICE = Slice("attributions", routers=(router,))
