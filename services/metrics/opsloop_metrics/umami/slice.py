"""What Umami's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.umami.routes import router

SLICE = Slice("umami", routers=(router,))
