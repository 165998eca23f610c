"""What trends bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.trends.routes import router

SLICE = Slice("trends", routers=(router,))
