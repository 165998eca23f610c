"""What an event of another service is among the events of a product: pure."""

from __future__ import annotations

from opsloop_metrics.capture.rules import MAX_ID, Message, MessageKind
from opsloop_metrics.events.rules import Told

INTERNAL = frozenset({"message.changed", "message.requested", "workspace.change_requested"})
"""What services tell each other to do: it never happened to anybody."""
PRIVATE = frozenset({"user.erased"})
"""Names those who wanted to be forgotten."""


def is_fed(type: str) -> bool:
    """Say whether events of a type are for analysts."""
    return type not in INTERNAL | PRIVATE


def message_of(told: Told) -> Message:
    """Return an event as a message, under its own id; one that is about nobody counts for no person."""
    is_somebodys = told.user_id is not None and len(told.user_id) <= MAX_ID
    return Message(
        MessageKind.DOMAIN,
        told.type,
        told.user_id if is_somebodys and told.user_id else "",
        message_id=str(told.event_id),
        is_identified=is_somebodys,
        time=told.at,
        properties=told.data,
        personless=not is_somebodys,
        library="opsloop",
        historical=True,
    )
