"""What silences bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.silences.models import MaintenanceWindow, Mute
from opsloop_metrics.silences.routes import router

SLICE = Slice("silences", models=(Mute, MaintenanceWindow), routers=(router,))
