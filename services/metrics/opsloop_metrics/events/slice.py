"""What the store of domain events brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.events.models import DomainEvent

SLICE = Slice("events", models=(DomainEvent,))
