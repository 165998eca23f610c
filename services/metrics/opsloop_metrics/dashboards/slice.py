"""What dashboards bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.dashboards import routes
from opsloop_metrics.dashboards.models import Dashboard

SLICE = Slice("dashboards", models=(Dashboard,), routers=(routes.router,))
