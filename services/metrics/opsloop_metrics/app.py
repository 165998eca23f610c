"""The metrics service, as the runners see it."""

from __future__ import annotations

from opsloop_common.contracts.metrics import EVENTS
from opsloop_common.service import Service
from opsloop_metrics.breaches import routes as breaches
from opsloop_metrics.breaches.jobs import show_open_incidents
from opsloop_metrics.breaches.meters import IncidentMeter
from opsloop_metrics.evaluation import consumers
from opsloop_metrics.evaluation import routes as evaluation
from opsloop_metrics.evaluation.jobs import DUE
from opsloop_metrics.evaluation.meters import EvaluationMeter
from opsloop_metrics.kpis import routes as kpis
from opsloop_metrics.retention.jobs import FORGET_EVENTS
from opsloop_metrics.tables import Base

SERVICE = Service(
    name="metrics",
    title="Metrics",
    metadata=Base.metadata,
    migrations="opsloop_metrics.migrations",
    scopes=("metrics:read", "metrics:write", "metrics:admin", "metrics:capture"),
    adding=("metrics:capture",),
    events=EVENTS,
    routers=(kpis.router, evaluation.router, breaches.router),
    subscriptions=(consumers.EVENTS,),
    due=(*DUE, FORGET_EVENTS),
    meters=(EvaluationMeter, IncidentMeter),
    gauges=(show_open_incidents,),
)
