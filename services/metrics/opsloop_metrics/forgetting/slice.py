"""What forgetting brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.forgetting.consumers import ERASURES
from opsloop_metrics.forgetting.timers import FORGET_EVENTS

SLICE = Slice("forgetting", subscriptions=(ERASURES,), due=(FORGET_EVENTS,))
