"""What breakdown brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.breakdowns.routes import router

SLICE = Slice("breakdowns", routers=(router,))
