"""What competitors bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.competitors.models import Competitor, CompetitorPoint, CompetitorSeries
from opsloop_metrics.competitors.routes import router
from opsloop_metrics.competitors.timers import DUE

SLICE = Slice("competitors", models=(Competitor, CompetitorSeries, CompetitorPoint), routers=(router,), due=DUE)
