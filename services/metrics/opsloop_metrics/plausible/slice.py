"""What Plausible's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.plausible.routes import router

SLICE = Slice("plausible", routers=(router,))
