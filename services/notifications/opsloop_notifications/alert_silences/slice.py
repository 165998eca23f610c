"""What silences and inhibition rules bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.alert_silences.models import InhibitionRule, Silence
from opsloop_notifications.alert_silences.routes import router

SLICE = Slice("alert_silences", models=(Silence, InhibitionRule), routers=(router,))
