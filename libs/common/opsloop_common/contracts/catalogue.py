"""All event classes of all services, by type: what the event-type catalogue, schemas and documents are made from."""

from __future__ import annotations

from opsloop_common.contracts import campaigns, feedback, metrics, notifications
from opsloop_common.contracts.envelope import EventData

BY_SERVICE: dict[str, tuple[type[EventData], ...]] = {
    "feedback": feedback.EVENTS,
    "metrics": metrics.EVENTS,
    "campaigns": campaigns.EVENTS,
    "notifications": notifications.EVENTS,
}
BY_TYPE: dict[str, type[EventData]] = {kind.type: kind for kinds in BY_SERVICE.values() for kind in kinds}
PRODUCER: dict[str, str] = {kind.type: service for service, kinds in BY_SERVICE.items() for kind in kinds}
