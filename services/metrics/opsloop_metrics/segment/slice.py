"""What Segment's wire brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.segment.routes import router

SLICE = Slice("segment", routers=(router,))
