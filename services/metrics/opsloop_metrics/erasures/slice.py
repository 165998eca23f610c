"""What erasures bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.erasures import routes

SLICE = Slice("erasures", routers=(routes.router,))
