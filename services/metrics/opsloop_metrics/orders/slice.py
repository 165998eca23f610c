"""What orders bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.orders import consumers, routes
from opsloop_metrics.orders.models import CustomerOrder, Refund

SLICE = Slice("orders", models=(CustomerOrder, Refund), routers=(routes.router,), subscriptions=(consumers.ERASURES,))
