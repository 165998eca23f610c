"""What the overview brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.overview.routes import router

SLICE = Slice("overview", routers=(router,))
