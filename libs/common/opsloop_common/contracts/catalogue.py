"""All event classes of all services, by type: what the event-type catalogue, schemas and documents are made from."""

from __future__ import annotations

from opsloop_common.contracts import campaigns, feedback, metrics, notifications
from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.workspace import WorkspaceChanged, WorkspaceChangeRequested

BY_SERVICE: dict[str, tuple[type[EventData], ...]] = {
    "feedback": (*feedback.EVENTS, WorkspaceChanged),
    "metrics": (*metrics.EVENTS, WorkspaceChangeRequested),
    "campaigns": (*campaigns.EVENTS, WorkspaceChangeRequested),
    "notifications": (*notifications.EVENTS, WorkspaceChangeRequested),
}
BY_TYPE: dict[str, type[EventData]] = {kind.type: kind for kinds in BY_SERVICE.values() for kind in kinds}
PRODUCERS_OF: dict[str, tuple[str, ...]] = {
    type: tuple(service for service, kinds in BY_SERVICE.items() if kind in kinds) for type, kind in BY_TYPE.items()
}
PRODUCER: dict[str, str] = {type: services[0] for type, services in PRODUCERS_OF.items()}
"""The producer of each type; of a type that several services tell, the first."""
