"""What alert rules bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.alert_rules.consumers import ALERTS
from opsloop_notifications.alert_rules.models import AlertRule
from opsloop_notifications.alert_rules.routes import clients, router

SLICE = Slice("alert_rules", models=(AlertRule,), routers=(router, clients), subscriptions=(ALERTS,))
