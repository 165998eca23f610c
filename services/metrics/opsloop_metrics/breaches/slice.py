"""What breaches bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.breaches.meters import IncidentMeter
from opsloop_metrics.breaches.models import Acknowledgement, Incident
from opsloop_metrics.breaches.routes import router
from opsloop_metrics.breaches.timers import show_open_incidents

SLICE = Slice(
    "breaches",
    models=(Incident, Acknowledgement),
    routers=(router,),
    meters=(IncidentMeter,),
    gauges=(show_open_incidents,),
)
