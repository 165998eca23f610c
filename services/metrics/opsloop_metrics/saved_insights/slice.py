"""What saved insights bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.saved_insights import routes
from opsloop_metrics.saved_insights.models import SavedInsight

SLICE = Slice("saved_insights", models=(SavedInsight,), routers=(routes.router,))
