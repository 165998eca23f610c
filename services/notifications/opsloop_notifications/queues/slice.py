"""What the view of the queues brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.queues.meters import QueueMeter
from opsloop_notifications.queues.timers import show_queues

SLICE = Slice("queues", meters=(QueueMeter,), gauges=(show_queues,))
