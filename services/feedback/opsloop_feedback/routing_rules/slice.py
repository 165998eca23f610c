"""What routing brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.routing_rules import timers
from opsloop_feedback.routing_rules.consumers import DESK
from opsloop_feedback.routing_rules.models import RoutingRule, RoutingTurn
from opsloop_feedback.routing_rules.routes import router

SLICE = Slice(
    "routing_rules", models=(RoutingRule, RoutingTurn), routers=(router,), subscriptions=(DESK,), due=timers.DUE
)
