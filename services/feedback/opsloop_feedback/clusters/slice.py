"""What clusters bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.clusters.consumers import CLUSTER_ERASURES
from opsloop_feedback.clusters.models import Cluster
from opsloop_feedback.clusters.routes import router
from opsloop_feedback.clusters.timers import DUE

SLICE = Slice("clusters", models=(Cluster,), routers=(router,), subscriptions=(CLUSTER_ERASURES,), due=DUE)
