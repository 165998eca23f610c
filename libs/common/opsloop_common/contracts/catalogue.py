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
PUBLIC: dict[str, type[EventData]] = {type: kind for type, kind in BY_TYPE.items() if not kind.is_internal}
"""What others may name and get: webhooks, `/v1/events`, playbooks, measures. `*` means these."""
INTERNAL: frozenset[str] = frozenset(BY_TYPE.keys() - PUBLIC.keys())
TELLS_INTERNALLY: frozenset[str] = frozenset(
    service for service, kinds in BY_SERVICE.items() if any(kind.is_internal for kind in kinds)
)
"""The services that have a topic of internal events."""
PRODUCERS_OF: dict[str, tuple[str, ...]] = {
    type: tuple(service for service, kinds in BY_SERVICE.items() if kind in kinds) for type, kind in BY_TYPE.items()
}
"""The services that tell of each type: one of a public type, as the list of event types says; of an internal one maybe several."""
