"""What Amplitude's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.amplitude.routes import router

SLICE = Slice("amplitude", routers=(router,))
