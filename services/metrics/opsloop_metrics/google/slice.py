"""What Google Analytics's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.google.routes import router

SLICE = Slice("google", routers=(router,))
