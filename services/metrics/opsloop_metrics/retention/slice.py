"""What retention brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.retention.jobs import forget_old_events

SLICE = Slice("retention", pruning=(forget_old_events,))
