"""What next best brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.next_bests.routes import router

SLICE = Slice("next_bests", routers=(router,))
