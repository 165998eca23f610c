"""What files of events bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.event_imports import routes, timers
from opsloop_metrics.event_imports.models import EventImport, EventImportChunk, EventImportRow

SLICE = Slice(
    "event_imports", models=(EventImport, EventImportChunk, EventImportRow), routers=(routes.router,), due=timers.DUE
)
