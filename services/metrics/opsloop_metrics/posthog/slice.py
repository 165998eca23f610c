"""What PostHog's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.posthog.routes import router

SLICE = Slice("posthog", routers=(router,))
