"""What annotations bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.annotations import consumers, routes
from opsloop_metrics.annotations.models import Annotation

SLICE = Slice("annotations", models=(Annotation,), routers=(routes.router,), subscriptions=(consumers.LAUNCHES,))
