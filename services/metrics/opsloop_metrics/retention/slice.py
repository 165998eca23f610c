"""What retention brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.retention.timers import FORGET_EVENTS

SLICE = Slice("retention", due=(FORGET_EVENTS,))
