"""What deliveries bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.deliveries.models import Delivery, DeliveryAttempt, DeliveryLine, DeliveryQueue

SLICE = Slice("deliveries", models=(Delivery, DeliveryAttempt, DeliveryQueue, DeliveryLine))
