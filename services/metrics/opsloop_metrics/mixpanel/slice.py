"""What Mixpanel's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.mixpanel.routes import router

SLICE = Slice("mixpanel", routers=(router,))
