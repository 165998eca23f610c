"""What revenue brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.revenues.routes import router

SLICE = Slice("revenues", routers=(router,))
